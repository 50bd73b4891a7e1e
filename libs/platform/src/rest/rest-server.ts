import { setTimeout as wait } from 'node:timers/promises';
import { toJson, type Message } from '@bufbuild/protobuf';
import { RejectionError } from '@skein/kernel';
import { failpoint } from '@skein/telemetry';
import { fastify, type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { boundBodies } from '../admission/body-budget.js';
import { httpTimeoutMs } from '../admission/deadline.js';
import { DEFAULT_LIMITS, type CallLimits } from '../admission/limits.js';
import { correlationOf, type CallInfo } from '../dispatch/context.js';
import type { Dispatcher } from '../dispatch/dispatcher.js';
import { normaliseError } from '../errors/normalise.js';
import { PROBLEM_TYPE, retryAfterSeconds, toProblem } from '../errors/problem.js';
import { routeOfRequest, traceOfRequest } from '../tracing/http.js';
import { readJson } from '../validation/read-json.js';
import type { HttpBinding, RouteTable } from './bindings.js';
import { requestJson } from './request-json.js';

/** Options of the HTTP side of a service. */
export interface RestServerOptions {
  readonly routes: RouteTable;
  readonly dispatcher: Dispatcher;
  readonly bodyLimitBytes: number;
  readonly defaultTimeoutMs: number;
}

/** Longest for the whole of a request to come in: an artifact of the largest size over a slow line. */
const REQUEST_TIMEOUT_MS = 300_000;
/** Bytes, not text: Fastify would add a charset, which neither JSON nor problems have. */
const utf8 = new TextEncoder();

const text = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);

/** What the dispatcher needs of an HTTP request; `timeoutMs` is the longest that a caller may wait. */
export function callInfoOf(request: FastifyRequest, reply: FastifyReply, timeoutMs: number | undefined): CallInfo & { correlationId: string } {
  const abort = new AbortController();
  // An answer that was sent whole is no caller that went away; making an error for each would be in vain.
  reply.raw.on('close', () => reply.raw.writableFinished || abort.abort());
  return {
    authorization: request.headers.authorization,
    correlationId: request.id,
    traceparent: traceOfRequest(request),
    deadlineMs: timeoutMs === undefined ? undefined : Date.now() + httpTimeoutMs({ prefer: text(request.headers['prefer']), grpcTimeout: text(request.headers['grpc-timeout']) }, timeoutMs),
    idempotencyKey: text(request.headers['idempotency-key']),
    address: request.socket.remoteAddress,
    sizeBytes: request.body instanceof Uint8Array ? request.body.length : 0,
    signal: abort.signal,
  };
}

/** Answers any thrown value as an RFC 9457 problem. */
export function sendProblem(reply: FastifyReply, thrown: unknown): FastifyReply {
  const { error } = normaliseError(thrown);
  const problem = toProblem(error, reply.request.id);
  const retryAfter = retryAfterSeconds(error);
  if (retryAfter !== undefined) void reply.header('retry-after', retryAfter);
  if (problem.status === 401) void reply.header('www-authenticate', 'Bearer');
  return reply.code(problem.status).header('content-type', PROBLEM_TYPE).send(utf8.encode(JSON.stringify(problem)));
}

/** Fastify's own refusals in our words. */
function fromFastify(error: FastifyError): unknown {
  const refuse = (code: 'resource-exhausted' | 'invalid-argument', rule: string, message: string): RejectionError => new RejectionError({ code, rule, message });
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return refuse('resource-exhausted', 'body-limit', 'the body is longer than this service takes');
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return refuse('invalid-argument', 'content-type', 'the body must be application/json');
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) return refuse('invalid-argument', 'http', 'the request is malformed');
  return error;
}

/** A Fastify with our ids, errors and body handling, without any route yet. */
export function createHttpApp(bodyLimitBytes: number, { bodyBytesMax }: Pick<CallLimits, 'bodyBytesMax'> = DEFAULT_LIMITS): FastifyInstance {
  const app = fastify({
    logger: false,
    // Fastify would wait for a slow body for ever.
    requestTimeout: REQUEST_TIMEOUT_MS,
    bodyLimit: bodyLimitBytes,
    forceCloseConnections: 'idle',
    // While it closes, the dispatcher refuses in our own words.
    return503OnClosing: false,
    frameworkErrors: (error, _request, reply) => void sendProblem(reply as FastifyReply, fromFastify(error)),
    genReqId: (request) => correlationOf(text(request.headers['x-correlation-id'])),
    routerOptions: { ignoreTrailingSlash: false, maxParamLength: 1024 },
  });
  // Bodies stay bytes: they are read only after the caller is known.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-correlation-id', request.id);
    done();
  });
  boundBodies(app, bodyBytesMax);
  app.setErrorHandler((error: FastifyError, _request, reply) => sendProblem(reply, fromFastify(error)));
  app.setNotFoundHandler((request, reply) => sendProblem(reply, noRoute(request.method, pathOf(request))));
  return app;
}

/** The refusal of a path that nothing answers. */
export const noRoute = (method: string, path: string): RejectionError =>
  new RejectionError({ code: 'not-found', rule: 'route', message: `there is no ${method} ${path}` });

const pathOf = (request: FastifyRequest): string => request.url.split('?', 1)[0] ?? '';

const VERBS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** Serves the RPCs' bindings below `/<context>/v1/`. */
export function addRestRoutes(app: FastifyInstance, options: RestServerOptions): void {
  const prefixes = new Set(options.routes.bindings.map(({ template }) => template.openApiPath.split('/').slice(0, 3).join('/')));
  for (const prefix of prefixes)
    app.route({ method: VERBS, url: `${prefix}/*`, handler: (request, reply) => handle(request, reply, options) });
}

async function handle(request: FastifyRequest, reply: FastifyReply, options: RestServerOptions): Promise<FastifyReply> {
  const path = pathOf(request);
  const found = options.routes.find(request.method, path);
  if (found === undefined) {
    const verbs = options.routes.verbsOf(path);
    if (verbs.length > 0) void reply.header('allow', verbs.join(', '));
    return sendProblem(reply, noRoute(request.method, path));
  }
  const { binding, variables } = found;
  routeOfRequest(request, binding.template.openApiPath);
  const decode = (): Message => {
    const query = new URL(request.url, 'http://localhost').searchParams;
    const body = request.body instanceof Uint8Array ? request.body : undefined;
    return readJson(binding.method.input, requestJson(binding, { variables, query, body, idempotencyKey: text(request.headers['idempotency-key']) }));
  };
  if (binding.method.methodKind === 'server_streaming') return stream(binding, request, reply, options, decode);
  try {
    const info = callInfoOf(request, reply, options.defaultTimeoutMs);
    const answer = await options.dispatcher.unary(binding.method, 'public', info, decode, (message) => utf8.encode(encode(binding, message)));
    failpoint('http.answer');
    return reply.header('content-type', 'application/json').send(answer);
  } catch (thrown) {
    return sendProblem(reply, thrown);
  }
}

const encode = ({ method }: HttpBinding, message: Message): string => JSON.stringify(toJson(method.output, message, { alwaysEmitImplicit: true }));

/** A refusal comes at once and has a status of its own; a stream that has nothing to say yet begins all the same. */
const HEAD_MS_MAX = 250;

/** Server streaming as JSON lines: `{"result": …}` each, and `{"error": problem}` as the last when it breaks off. */
async function stream(binding: HttpBinding, request: FastifyRequest, reply: FastifyReply, options: RestServerOptions, decode: () => Message): Promise<FastifyReply> {
  const info = callInfoOf(request, reply, undefined);
  const answers = options.dispatcher.stream(binding.method, 'public', info, one(decode), (message) => utf8.encode(`{"result":${encode(binding, message)}}\n`))[Symbol.asyncIterator]();
  const first = answers.next();
  try {
    await Promise.race([first, wait(HEAD_MS_MAX, undefined, { ref: false })]);
  } catch (thrown) {
    return sendProblem(reply, thrown);
  }
  return reply.header('content-type', 'application/x-ndjson').send(ReadableStream.from(lines(first, answers, request.id, () => reply.raw.flushHeaders())));
}

async function* one(decode: () => Message): AsyncIterable<() => Message> {
  yield decode;
}

async function* lines(first: Promise<IteratorResult<Uint8Array>>, rest: AsyncIterator<Uint8Array>, correlationId: string, begun: () => void): AsyncIterable<Uint8Array> {
  begun();
  try {
    for (let next = await first; next.done !== true; next = await rest.next()) yield next.value;
  } catch (thrown) {
    yield utf8.encode(`${JSON.stringify({ error: toProblem(normaliseError(thrown).error, correlationId) })}\n`);
  } finally {
    await rest.return?.();
  }
}
