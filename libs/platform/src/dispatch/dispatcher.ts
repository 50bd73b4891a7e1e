import { create, type DescMessage, type DescMethod, type Message, type MessageInitShape } from '@bufbuild/protobuf';
import { RejectionError } from '@skein/kernel';
import type { Admission } from '../admission/admission.js';
import { withTrace } from '@skein/telemetry';
import { accessOf, authoriseAccess, type MethodAccess } from '../access.js';
import type { Authenticator, Surface } from '../auth/authenticator.js';
import { runInCall, type CallContext } from '../call-context.js';
import { InvalidRequestError, refuseViolations } from '../errors/invalid-request.js';
import { normaliseError } from '../errors/normalise.js';
import type { Identity } from '../identity.js';
import type { Logger } from '../logger.js';
import type { RpcMetrics } from '../metrics.js';
import { rpcBindings } from '../rpc.js';
import { isUuid } from '../validation/rules.js';
import { validateMessage } from '../validation/validate.js';
import { hashRequest, hasRequestId, makeContext, requestIdOf, type CallInfo } from './context.js';
import { CallScope } from './call-scope.js';

type AnyHandler = (request: unknown, call: CallContext) => unknown;
/** Decodes one request; what it throws is the caller's fault. */
export type Decode = () => Message;
/** Encodes an answer; what it throws is the handler's fault, and is logged as such. */
export type Encode<T> = (answer: Message) => T;
/** Any message as reflection sees it: its shape is the descriptor's. */
type Init = MessageInitShape<DescMessage>;

/** The refusal of a service that stops. */
export const stopping = (): RejectionError => new RejectionError({ code: 'unavailable', rule: 'shutting-down', message: 'the service is stopping, try again', retriable: true });

/** What a dispatcher needs. */
export interface DispatcherOptions {
  readonly apis: readonly object[];
  readonly authenticator: Authenticator;
  readonly logger: Logger;
  readonly metrics: RpcMetrics;
  readonly admission: Admission;
}

/** What is called: an RPC, or a call of a foreign protocol by a name of its own. */
export interface CallTarget extends MethodAccess {
  readonly name: string;
}

const nameOf = (method: DescMethod): string => `${method.parent.typeName}/${method.name}`;
const targetOf = (method: DescMethod): CallTarget => ({ name: nameOf(method), ...accessOf(method) });

/**
 * The one way to a handler for every transport: authenticate → authorise → wait for a place → decode and validate → handle →
 * encode. Counts what is in flight, so that a stop can wait for it.
 */
export class Dispatcher {
  readonly #handlers = new Map<DescMethod, AnyHandler>();
  readonly #options: DispatcherOptions;
  readonly #open = new Set<CallScope>();
  #draining = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    for (const api of options.apis)
      for (const { method, property } of rpcBindings(api)) {
        const handler: unknown = Reflect.get(api, property);
        if (typeof handler !== 'function') throw new Error(`@Rpc(${method.name}) is not on a method`);
        if (this.#handlers.has(method)) throw new Error(`${method.parent.typeName}/${method.name} has two handlers`);
        this.#handlers.set(method, (request, call) => handler.call(api, request, call));
      }
  }

  /** Whether an RPC has a handler. */
  handles(method: DescMethod): boolean {
    return this.#handlers.has(method);
  }

  /** Unary. `info.correlationId` must be final: it is what errors and events carry. */
  async unary<T>(method: DescMethod, surface: Surface, info: CallInfo, decode: Decode, encode: Encode<T>): Promise<T> {
    return this.#around(targetOf(method), info, async (scope) => {
      const identity = await this.#admit(targetOf(method), surface, info, scope);
      const handler = this.#handlerOf(method);
      const answer = await this.#placed(identity, info, scope, () => {
        const request = this.#read(method, info, decode);
        const call = this.#context(method, info, identity, scope, request);
        return runInCall(call, async () => handler(request, call));
      });
      return encode(this.#answer(method, answer));
    });
  }

  /** Client streaming: many requests, one answer. */
  async clientStream<T>(method: DescMethod, surface: Surface, info: CallInfo, requests: AsyncIterable<Decode>, encode: Encode<T>): Promise<T> {
    return this.#around(targetOf(method), info, async (scope) => {
      const identity = await this.#admit(targetOf(method), surface, info, scope);
      const handler = this.#handlerOf(method);
      const call = this.#context(method, info, identity, scope, undefined);
      const leave = await this.#options.admission.stream({ identity, address: info.address, sizeBytes: info.sizeBytes, signal: scope.signal });
      const work = runInCall(call, async () => handler(this.#readAll(method, info, requests), call)).finally(leave);
      return encode(this.#answer(method, await scope.race(work)));
    });
  }

  /** A call of a foreign protocol: the same authentication, authorisation, deadline, metrics and draining around `work`. */
  async foreign<T>(target: CallTarget, info: CallInfo, requestHash: () => string, work: (call: CallContext) => Promise<T>): Promise<T> {
    return this.#around(target, info, async (scope) => {
      const identity = await this.#admit(target, 'public', info, scope);
      const call = this.#contextOf(info, identity, scope, info.idempotencyKey, requestHash);
      return this.#placed(identity, info, scope, () => runInCall(call, () => work(call)));
    });
  }

  /** Server streaming and bidirectional: `requests` yields one decoder or many. */
  async *stream<T>(method: DescMethod, surface: Surface, info: CallInfo, requests: AsyncIterable<Decode>, encode: Encode<T>): AsyncIterable<T> {
    const scope = this.#enter(info);
    const target = targetOf(method);
    const end = this.#options.metrics.begin(target.name);
    let leave: (() => void) | undefined;
    try {
      const identity = await this.#admit(target, surface, info, scope);
      leave = await this.#options.admission.stream({ identity, address: info.address, sizeBytes: info.sizeBytes, signal: scope.signal });
      const handler = this.#handlerOf(method);
      let input: unknown = this.#readAll(method, info, requests);
      let first: Message | undefined;
      if (method.methodKind === 'server_streaming') for await (const decode of requests) input = first = this.#read(method, info, decode);
      const call = this.#context(method, info, identity, scope, first);
      const output = runInCall(call, () => handler(input, call)) as AsyncIterable<Init>;
      const iterator = output[Symbol.asyncIterator]();
      try {
        for (;;) {
          const next = await scope.race(runInCall(call, () => iterator.next()));
          if (next.done === true) break;
          yield encode(this.#answer(method, next.value));
        }
      } finally {
        // Tells the handler's generator that nobody reads on; not awaited, it may be waiting for something that never comes.
        void Promise.resolve(iterator.return?.()).catch(() => undefined);
      }
      withTrace(info.traceparent, () => end('ok'));
    } catch (thrown) {
      throw withTrace(info.traceparent, () => this.#failed(target, info, thrown, end));
    } finally {
      end('cancelled');
      leave?.();
      this.#leave(scope);
    }
  }

  /** From now on new calls are refused as `unavailable`; resolves when no call is open, after `timeoutMs` by aborting the rest. */
  async drain(timeoutMs: number): Promise<void> {
    this.#draining = true;
    const open = [...this.#open];
    const timer = setTimeout(() => open.forEach((scope) => scope.abort()), timeoutMs);
    await Promise.all(open.map((scope) => scope.done));
    clearTimeout(timer);
  }

  get inFlight(): number {
    return this.#open.size;
  }

  #around<T>(target: CallTarget, info: CallInfo, work: (scope: CallScope) => Promise<T>): Promise<T> {
    return withTrace(info.traceparent, () => this.#measured(target, info, work));
  }

  async #measured<T>(target: CallTarget, info: CallInfo, work: (scope: CallScope) => Promise<T>): Promise<T> {
    const end = this.#options.metrics.begin(target.name);
    const startedMs = performance.now();
    let scope: CallScope | undefined;
    try {
      scope = this.#enter(info);
      const answer = await work(scope);
      end('ok');
      if (target.command) this.#options.logger.info({ rpc: target.name, correlationId: info.correlationId, outcome: 'ok', duration_ms: Math.round(performance.now() - startedMs) }, 'command');
      return answer;
    } catch (thrown) {
      throw this.#failed(target, info, thrown, end);
    } finally {
      if (scope !== undefined) this.#leave(scope);
    }
  }

  #enter(info: CallInfo): CallScope {
    if (this.#draining) throw stopping();
    const scope = new CallScope(info.signal, info.deadlineMs);
    this.#open.add(scope);
    return scope;
  }

  #leave(scope: CallScope): void {
    this.#open.delete(scope);
    scope.close();
  }

  async #admit(target: CallTarget, surface: Surface, info: CallInfo, scope: CallScope): Promise<Identity> {
    const identity = await scope.race(this.#options.authenticator.authenticate(info.authorization, surface, { address: info.address, signal: scope.signal }));
    authoriseAccess(target, identity);
    return identity;
  }

  /** Works in a place of its own, which it keeps until the work has really ended, also where nobody waits for the answer any more. */
  async #placed<T>(identity: Identity, info: CallInfo, scope: CallScope, work: () => Promise<T>): Promise<T> {
    const leave = await this.#options.admission.call({ identity, address: info.address, sizeBytes: info.sizeBytes, signal: scope.signal });
    return scope.race((async () => work())().finally(leave));
  }

  #handlerOf(method: DescMethod): AnyHandler {
    const handler = this.#handlers.get(method);
    if (handler === undefined) throw new RejectionError({ code: 'unavailable', rule: 'unimplemented', message: `${method.name} is not served here`, retriable: false });
    return handler;
  }

  #read(method: DescMethod, info: CallInfo, decode: Decode): Message {
    const request = decode();
    const violations = [...validateMessage(method.input, request)];
    if (accessOf(method).command && method.methodKind === 'unary' && !violations.some(({ field }) => field === 'request_id')) {
      const id = requestIdOf(request, info);
      if (id === undefined) violations.push({ field: 'request_id', rule: 'required', message: 'a command needs request_id (REST: or an Idempotency-Key header)' });
      else if (hasRequestId(request) && !isUuid(id)) violations.push({ field: 'request_id', rule: 'format', message: 'request_id must be a lower-case UUID' });
    }
    refuseViolations(violations);
    return request;
  }

  async *#readAll(method: DescMethod, info: CallInfo, requests: AsyncIterable<Decode>): AsyncIterable<Message> {
    for await (const decode of requests) yield this.#read(method, info, decode);
  }

  #context(method: DescMethod, info: CallInfo, identity: Identity, scope: CallScope, request: Message | undefined): CallContext {
    const requestId = request === undefined ? undefined : requestIdOf(request, info);
    return this.#contextOf(info, identity, scope, requestId, () => (request === undefined ? '' : hashRequest(method, method.input, request)));
  }

  #contextOf(info: CallInfo, identity: Identity, scope: CallScope, requestId: string | undefined, requestHash: () => string): CallContext {
    return makeContext({ identity, correlationId: info.correlationId ?? '', traceparent: info.traceparent, deadlineMs: info.deadlineMs, signal: scope.signal, requestId, requestHash });
  }

  #answer(method: DescMethod, value: unknown): Message {
    return create(method.output, value as Init);
  }

  #failed(target: CallTarget, info: CallInfo, thrown: unknown, end: (outcome: string) => void): RejectionError {
    const { error, unexpected } = normaliseError(thrown);
    const { code, rule, field } = error.rejection;
    end(code);
    const line = { rpc: target.name, correlationId: info.correlationId, outcome: code, rule, ...(field === undefined ? {} : { field }) };
    if (unexpected) this.#options.logger.error({ ...line, err: thrown }, 'call failed unexpectedly');
    else if (target.command) this.#options.logger.info({ ...line, violations: error instanceof InvalidRequestError ? error.violations.length : undefined }, 'command');
    return error;
  }
}
