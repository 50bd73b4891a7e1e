import { RejectionError } from '@skein/kernel';
import { httpStatusOf, type ForeignCalls, type ServiceContext, type ServiceDefinition } from '@skein/platform';
import { Deployments } from '../../application/deployments.js';
import { Inference } from '../../application/inference.js';
import { Registry } from '../../application/registry.js';
import { costOf, SERVER } from '../oip.js';
import { readRequest, writeAnswer } from './oip-codec.js';

type Http = Parameters<NonNullable<ServiceDefinition['http']>>[0];
type Request = Parameters<ForeignCalls['handle']>[0];
type Reply = Parameters<ForeignCalls['handle']>[1];
type Handler = (request: Request, reply: Reply) => Promise<Reply>;

const utf8 = new TextEncoder();
const JSON_TYPE = 'application/json';
const HEADER_LENGTH = 'inference-header-content-length';

const INFER = { name: 'oip/infer', roles: ['organisation'], scope: 'marketplace.infer', command: true } as const;
const READ = { name: 'oip/read', roles: ['anyone'] } as const;

const headerOf = (request: Request, name: string): string | undefined => {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
};

const send = (reply: Reply, status: number, body: unknown): Reply => reply.code(status).header('content-type', JSON_TYPE).send(utf8.encode(JSON.stringify(body)));

/** Errors of this protocol are one text: field, rule and sentence. */
function sendError(reply: Reply, thrown: unknown, context: ServiceContext): Reply {
  if (!(thrown instanceof RejectionError)) {
    context.logger.error({ err: thrown }, 'an inference call failed unexpectedly');
    return send(reply, 500, { error: 'internal: the call failed' });
  }
  const { rule, message, field, retriable, retryAfterMs = 1_000 } = thrown.rejection;
  if (retriable === true) void reply.header('retry-after', String(Math.ceil(retryAfterMs / 1_000)));
  return send(reply, httpStatusOf(thrown.rejection), { error: `${field === undefined || field === '' ? '' : `${field}: `}${rule}: ${message}` });
}

/** `/v2/…`: the Open Inference Protocol over HTTP, JSON and the binary-tensor extension. Bodies are read as bytes whatever they call themselves. */
export function oipRoutes(app: Http, context: ServiceContext, calls: ForeignCalls): void {
  const inference = context.get(Inference);
  const deployments = context.get(Deployments);
  const registry = context.get(Registry);
  const guarded = (work: Handler): Handler => async (request, reply) => {
    try {
      return await work(request, reply);
    } catch (thrown) {
      return sendError(reply, thrown, context);
    }
  };
  const nameOf = (request: Request): { model: string; version: string } => {
    const { model, version = '' } = request.params as { model: string; version?: string };
    return { model, version };
  };
  const deployedAs = async (request: Request) => {
    const { model, version } = nameOf(request);
    const deployed = (await deployments.state(model)).version;
    if (deployed === 0 || (version !== '' && version !== String(deployed))) throw new RejectionError({ code: 'not-found', rule: 'model-unknown', message: `there is no model "${model}"`, field: 'model' });
    return { model, deployed };
  };

  const infer = guarded(async (request, reply) => {
    const answer = await calls.handle(request, reply, INFER, async (call) => {
      const { model, version } = nameOf(request);
      const read = readRequest(model, version, request.body instanceof Uint8Array ? request.body : new Uint8Array(), headerOf(request, HEADER_LENGTH));
      return { read, answer: await inference.infer(read.request, call) };
    });
    const { body, headerLength } = writeAnswer(answer.answer, answer.read);
    for (const [name, value] of Object.entries(costOf(answer.answer))) void reply.header(`x-skein-${name.replaceAll('_', '-')}`, value);
    if (headerLength === undefined) return reply.header('content-type', JSON_TYPE).send(body);
    return reply.header('content-type', 'application/octet-stream').header(HEADER_LENGTH, headerLength).send(body);
  });
  const metadata = guarded((request, reply) =>
    calls.handle(request, reply, READ, async () => {
      const { model, deployed } = await deployedAs(request);
      const { inputs, outputs } = await registry.version(model, deployed, 'model');
      return send(reply, 200, { name: model, versions: [String(deployed)], platform: SERVER.platform, inputs, outputs });
    }),
  );
  const ready = guarded((request, reply) =>
    calls.handle(request, reply, READ, async () => {
      const { model } = await deployedAs(request);
      return send(reply, 200, { name: model, ready: true });
    }),
  );

  const says = (body: unknown): Handler => guarded((request, reply) => calls.handle(request, reply, READ, async () => send(reply, 200, body)));
  const plugin = (scope: Http, _options: unknown, done: () => void): void => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, parsed) => parsed(null, body));
    scope.setErrorHandler((error, _request, reply) => sendError(reply, refusalOf(error), context));
    scope.setNotFoundHandler((request, reply) => sendError(reply, new RejectionError({ code: 'not-found', rule: 'route', message: `there is no ${request.method} ${request.url.split('?', 1)[0]}` }), context));
    scope.get('/', says({ name: SERVER.name, version: SERVER.version, extensions: SERVER.extensions }));
    scope.get('/health/live', says({ live: true }));
    scope.get('/health/ready', says({ ready: true }));
    for (const base of ['/models/:model', '/models/:model/versions/:version']) {
      scope.get(base, metadata);
      scope.get(`${base}/ready`, ready);
      scope.post(`${base}/infer`, infer);
    }
    done();
  };
  void app.register(plugin, { prefix: '/v2' });
}

/** What the HTTP server itself refuses, in this protocol's words. */
function refusalOf(error: unknown): unknown {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new RejectionError({ code: 'resource-exhausted', rule: 'body-limit', message: 'the body is longer than this service takes', field: 'body' });
  return error;
}
