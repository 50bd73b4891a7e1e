import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { answerProblem, noRoute, serviceClosed, type RunningService, type ServiceName } from '@skein/platform';
import { CONTEXTS, FRONT_INDEX, OWN_PATH } from './paths.js';

/** Looks a service up; undefined while it is closed. */
export type FindService = (name: ServiceName) => RunningService | undefined;

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}

async function health(response: ServerResponse, names: readonly ServiceName[], find: FindService, deep: boolean): Promise<void> {
  const states = await Promise.all(names.map(async (name) => [name, deep ? ((await find(name)?.ready().catch(() => false)) ?? false) : find(name) !== undefined] as const));
  const ready = states.every(([, good]) => good);
  send(response, ready ? 200 : 503, { ready, services: Object.fromEntries(states) });
}

/** Dispatches by the first path segment, in process: a service sees the request as if it came to its own port. */
export function route(names: readonly ServiceName[], find: FindService, request: IncomingMessage, response: ServerResponse): void {
  const path = (request.url ?? '/').split('?', 1)[0] as string;
  if (path === '/health/live' || path === '/health/ready') return void health(response, names, find, path.endsWith('ready'));
  if (path === '/') return send(response, 200, FRONT_INDEX);
  const context = path.split('/', 2)[1] ?? '';
  const name = CONTEXTS[context];
  if (!Object.hasOwn(CONTEXTS, context) || name === undefined) return answerProblem(request, response, noRoute(request.method ?? 'GET', path));
  const service = find(name);
  if (service === undefined) return answerProblem(request, response, serviceClosed(name));
  const own = OWN_PATH.exec(path);
  if (own) request.url = own[2] as string;
  service.http.handler(request, response);
}

/** Starts the front port. The whole is ready when all of `names` are. */
export function startFront(port: number, names: readonly ServiceName[], find: FindService): Promise<Server> {
  const server = createServer((request, response) => route(names, find, request, response));
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
