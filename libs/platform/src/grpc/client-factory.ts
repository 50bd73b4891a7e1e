import { create, fromBinary, type DescMessage, type DescMethod, type DescService, type Message, type MessageInitShape } from '@bufbuild/protobuf';
import { Client as GrpcClient, credentials, Metadata, type ClientDuplexStream, type ClientReadableStream, type ClientWritableStream, type ServiceError } from '@grpc/grpc-js';
import type { Tracer } from '@opentelemetry/api';
import { impatient } from '@skein/contracts/grpc';
import { childTraceparent, currentTraceparent, failureOf, inSpan, type OpenSpan } from '@skein/telemetry';
import { RejectionError, type Clock } from '@skein/kernel';
import { innerDeadlineMs } from '../admission/deadline.js';
import { issueServiceToken } from '../auth/service-token.js';
import { currentCall } from '../call-context.js';
import { fromGrpcError } from '../errors/grpc-status.js';
import type { Client, ClientCallOptions, GrpcClients } from '../grpc-clients.js';
import { random } from '../tracing/random.js';
import { clientSpan, clientStart, rpcNameOf } from '../tracing/rpc.js';
import { encodeMessage, pathOf } from './codec.js';

const asIs = (bytes: Buffer): Buffer => bytes;
const UNARY_TIMEOUT_MS = 10_000;
type Init = MessageInitShape<DescMessage>;

/** What the factory needs to know of its process. */
export interface ClientFactoryOptions {
  /** The calling service; empty for a caller without a service identity. */
  readonly caller: string;
  readonly serviceTokenSecret: string | undefined;
  readonly peers: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly bodyLimitBytes: number;
  /** Value of `authorization` instead of a service token: wallet sessions, API keys. */
  readonly authorization?: string;
  /** Makes a span of every call; default: none. */
  readonly tracer?: Tracer | undefined;
}

/** Typed promise clients from descriptors. */
export function createGrpcClients(options: ClientFactoryOptions): GrpcClients {
  const channels = new Map<string, GrpcClient>();
  const channelOf = (address: string): GrpcClient => {
    let channel = channels.get(address);
    if (channel === undefined) {
      // A connection that takes and answers nothing any more (half open) is given up by its pings: calls would else go on over it,
      // and each would run into its deadline until TCP notices, which takes a quarter of an hour.
      const channelOptions = { 'grpc.max_receive_message_length': -1, 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 2_000, 'grpc.keepalive_time_ms': 5_000, 'grpc.keepalive_timeout_ms': 3_000 };
      channels.set(address, (channel = new GrpcClient(address, impatient(credentials.createInsecure()), channelOptions)));
    }
    return channel;
  };
  return {
    client: <S extends DescService>(service: S, target: string) => {
      // Resolved at the call: a service starts, and answers, without the address of a peer that it does not need yet.
      const peer = (): Peer => addressOf(target, options.peers);
      const methods = service.methods.map((method) => [method.localName, methodOf(method, { peer, channel: () => channelOf(peer().address) }, options)] as const);
      // The mapped type names exactly the descriptor's methods, which is what is listed here.
      return Object.fromEntries(methods) as unknown as Client<S>;
    },
    close: () => {
      for (const channel of channels.values()) channel.close();
      channels.clear();
    },
  };
}

interface Peer {
  readonly address: string;
  readonly audience: string | undefined;
}

function addressOf(target: string, peers: Readonly<Record<string, string>>): Peer {
  const known = peers[target];
  if (known !== undefined) return { address: known, audience: target };
  if (!target.includes(':')) throw new Error(`no address is configured for ${target}: set PEERS_${target.toUpperCase().replaceAll('-', '_')}=host:port`);
  return { address: target, audience: Object.keys(peers).find((name) => peers[name] === target) };
}

/** Where the calls of one client go. */
interface Target {
  readonly peer: () => Peer;
  readonly channel: () => GrpcClient;
}

function metadataOf({ audience }: Peer, factory: ClientFactoryOptions, options: ClientCallOptions, span: OpenSpan | undefined): Metadata {
  const metadata = new Metadata();
  const correlationId = options.correlationId ?? currentCall()?.correlationId;
  if (correlationId !== undefined) metadata.set('x-correlation-id', correlationId);
  metadata.set('traceparent', span?.traceparent ?? childTraceparent(options.traceparent ?? currentTraceparent(), random));
  if (factory.authorization !== undefined) metadata.set('authorization', factory.authorization);
  else if (audience !== undefined && factory.serviceTokenSecret !== undefined)
    metadata.set('authorization', `Bearer ${issueServiceToken(factory.serviceTokenSecret, factory.caller, audience, factory.clock.nowMs())}`);
  return metadata;
}

/** The earlier of the call's own time limit and, less a margin, the deadline of the call being handled. */
function deadlineOf(options: ClientCallOptions, fallbackMs: number | undefined): number | undefined {
  const timeoutMs = options.timeoutMs ?? fallbackMs;
  const own = timeoutMs === undefined ? Infinity : Date.now() + timeoutMs;
  const outer = currentCall()?.deadlineMs;
  const earliest = outer === undefined ? own : Math.min(own, innerDeadlineMs(outer, Date.now()));
  return Number.isFinite(earliest) ? earliest : undefined;
}

function callOptions(options: ClientCallOptions, fallbackMs: number | undefined): { deadline?: number } {
  const deadline = deadlineOf(options, fallbackMs);
  return deadline === undefined ? {} : { deadline };
}

/** Cancels the call when its own signal or that of the call being handled aborts; the returned function takes the listeners away again. */
function cancelOn(own: AbortSignal | undefined, call: { cancel(): void }): () => void {
  const signals = [own, currentCall()?.signal].filter((signal) => signal !== undefined);
  const cancel = (): void => call.cancel();
  if (signals.some(({ aborted }) => aborted)) cancel();
  else for (const signal of signals) signal.addEventListener('abort', cancel, { once: true });
  return () => signals.forEach((signal) => signal.removeEventListener('abort', cancel));
}

function methodOf(method: DescMethod, { peer, channel }: Target, factory: ClientFactoryOptions): unknown {
  const path = pathOf(method);
  const encode = (value: Init): Buffer => encodeMessage(method.input, create(method.input, value));
  const decode = (bytes: Uint8Array): Message => fromBinary(method.output, bytes);
  const inCall = <T>(options: ClientCallOptions, call: (span: OpenSpan | undefined) => Promise<T>): Promise<T> =>
    inSpan(factory.tracer, rpcNameOf(method), () => clientStart(method, options.traceparent, peer().audience), call);
  const begin = (options: ClientCallOptions) => (): OpenSpan | undefined => clientSpan(factory.tracer, method, options.traceparent, peer().audience);
  switch (method.methodKind) {
    case 'unary':
      return async (value: Init, options: ClientCallOptions = {}) =>
        inCall(options, (span) => promised(options, (done) => channel().makeUnaryRequest(path, asIs, asIs, encode(value), metadataOf(peer(), factory, options, span), callOptions(options, UNARY_TIMEOUT_MS), done)).then(decode));
    case 'client_streaming':
      return async (values: AsyncIterable<Init>, options: ClientCallOptions = {}) =>
        inCall(options, (span) =>
          promised(options, (done) => {
            const call = channel().makeClientStreamRequest(path, asIs, asIs, metadataOf(peer(), factory, options, span), callOptions(options, UNARY_TIMEOUT_MS), done);
            void feed(call, values, encode);
            return call;
          }).then(decode),
        );
    case 'server_streaming':
      return (value: Init, options: ClientCallOptions = {}) =>
        received(options, begin(options), (span) => channel().makeServerStreamRequest(path, asIs, asIs, encode(value), metadataOf(peer(), factory, options, span), callOptions(options, undefined)), decode);
    case 'bidi_streaming':
      return (values: AsyncIterable<Init>, options: ClientCallOptions = {}) =>
        received(
          options,
          begin(options),
          (span) => {
            const call = channel().makeBidiStreamRequest(path, asIs, asIs, metadataOf(peer(), factory, options, span), callOptions(options, undefined));
            void feed(call, values, encode);
            return call;
          },
          decode,
        );
  }
}

function promised(options: ClientCallOptions, start: (done: (error: ServiceError | null, value?: Buffer) => void) => { cancel(): void }): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const call = start((error, value) => {
    if (error !== null) reject(fromGrpcError(error));
    else if (value === undefined) reject(new RejectionError({ code: 'internal', rule: 'internal', message: 'the answer is empty' }));
    else resolve(value);
  });
  return promise.finally(cancelOn(options.signal, call));
}

async function feed(call: ClientWritableStream<Buffer> | ClientDuplexStream<Buffer, Buffer>, values: AsyncIterable<Init>, encode: (value: Init) => Buffer): Promise<void> {
  let open = true;
  call.on('error', () => (open = false)).on('close', () => (open = false)).on('status', () => (open = false));
  try {
    for await (const value of values) {
      if (!open) return;
      if (!call.write(encode(value))) await new Promise<void>((resolve) => call.once('drain', resolve).once('error', () => resolve()).once('status', () => resolve()).once('close', () => resolve()));
    }
    call.end();
  } catch {
    call.cancel();
  }
}

async function* received(
  options: ClientCallOptions, begin: () => OpenSpan | undefined, start: (span: OpenSpan | undefined) => ClientReadableStream<Buffer> | ClientDuplexStream<Buffer, Buffer>, decode: (bytes: Uint8Array) => Message,
): AsyncIterable<Message> {
  const span = begin();
  const call = start(span);
  const release = cancelOn(options.signal, call);
  try {
    for await (const bytes of call) yield decode(bytes as Buffer);
  } catch (error) {
    const known = error instanceof Error && 'code' in error && 'metadata' in error ? fromGrpcError(error as ServiceError) : error;
    span?.end(failureOf(known));
    throw known;
  } finally {
    span?.end();
    release();
    call.cancel();
  }
}
