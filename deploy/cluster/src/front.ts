import { Agent, createServer, request as send, type ClientRequest, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { CONTEXTS, FRONT_INDEX, OWN_PATH } from '@skein/all-in-one';
import { answerProblem, noRoute, serviceClosed, type ServiceName } from '@skein/platform';
import type { ClusterProcess } from './cluster-process.js';
import { mergeMetrics } from './merge-metrics.js';

/** What the front port needs to know of the processes behind it. */
export interface Behind {
  readonly services: readonly ServiceName[];
  /** All processes of a service, API and workers. */
  processes(service: ServiceName): readonly ClusterProcess[];
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}

/** The front port: the same paths as the all-in-one's, spread over the instances of the service that a path belongs to. */
export class Front {
  readonly #behind: Behind;
  readonly #agent = new Agent({ keepAlive: true, keepAliveMsecs: 1_000, timeout: 4_000 });
  readonly #server: Server;
  #turn = 0;

  constructor(behind: Behind) {
    this.#behind = behind;
    this.#server = createServer((request, response) => this.#route(request, response));
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', () => resolve());
    });
  }

  /** Takes no new connections and lets open requests end for at most `drainMs`. */
  async stop(drainMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const late = setTimeout(() => this.#server.closeAllConnections(), drainMs);
    await closed;
    clearTimeout(late);
    this.#agent.destroy();
  }

  #route(request: IncomingMessage, response: ServerResponse): void {
    const path = (request.url ?? '/').split('?', 1)[0] as string;
    if (path === '/health/live' || path === '/health/ready') return void this.#health(response, this.#behind.services, path.endsWith('ready'));
    if (path === '/') return sendJson(response, 200, FRONT_INDEX);
    const context = path.split('/', 2)[1] ?? '';
    const service = CONTEXTS[context];
    if (!Object.hasOwn(CONTEXTS, context) || service === undefined) return answerProblem(request, response, noRoute(request.method ?? 'GET', path));
    const own = OWN_PATH.exec(path)?.[2];
    if (own === '/metrics') return void this.#metrics(response, service);
    if (own !== undefined) return void this.#health(response, [service], own.endsWith('ready'));
    this.#proxy(service, request, response);
  }

  async #health(response: ServerResponse, services: readonly ServiceName[], ready: boolean): Promise<void> {
    const all = services.flatMap((name) => this.#behind.processes(name));
    const states = await Promise.all(all.map(async (one) => [one, await (ready ? one.isReady() : one.isLive())] as const));
    const good = (name: ServiceName): boolean => states.every(([{ id }, state]) => id.service !== name || state);
    const whole = services.every(good);
    sendJson(response, whole ? 200 : 503, {
      ready: whole,
      services: Object.fromEntries(services.map((name) => [name, good(name)])),
      processes: Object.fromEntries(states.map(([{ name }, state]) => [name, state])),
    });
  }

  async #metrics(response: ServerResponse, service: ServiceName): Promise<void> {
    const texts = await Promise.all(
      this.#behind.processes(service).map(async ({ name, ports }) => {
        const answer = await fetch(`http://127.0.0.1:${ports.http}/metrics`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
        return [name, answer?.ok === true ? await answer.text() : ''] as const;
      }),
    );
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
    response.end(mergeMetrics(texts));
  }

  /** API processes of a service, the next in turn first, those that end last. */
  #inTurn(service: ServiceName): ClusterProcess[] {
    const all = this.#behind.processes(service).filter(({ id }) => id.role !== 'worker');
    const first = this.#turn++ % Math.max(1, all.length);
    const turn = [...all.slice(first), ...all.slice(0, first)];
    return [...turn.filter(({ usable }) => usable), ...turn.filter(({ usable, alive }) => alive && !usable)];
  }

  #proxy(service: ServiceName, request: IncomingMessage, response: ServerResponse): void {
    const instances = this.#inTurn(service);
    const attempt = (at: number): void => {
      const instance = instances[at];
      if (instance === undefined) return answerProblem(request, response, serviceClosed(service));
      const { method, url, headers } = request;
      const upstream = send({ host: '127.0.0.1', port: instance.ports.http, method, path: url, headers, agent: this.#agent });
      response.once('close', () => upstream.destroy());
      upstream.once('response', (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
        answer.once('error', () => response.destroy());
      });
      upstream.once('error', (error: NodeJS.ErrnoException) => {
        if (response.headersSent) return void response.destroy();
        // Nothing of the body was taken where nobody listened: the next instance gets the same request.
        if (error.code === 'ECONNREFUSED' && request.readableDidRead === false) return attempt(at + 1);
        if (isRepeatable(request)) return attempt(at + 1);
        answerProblem(request, response, serviceClosed(service));
      });
      forward(request, upstream);
    };
    attempt(0);
  }
}

const withoutBody = ({ headers }: IncomingMessage): boolean => headers['content-length'] === undefined && headers['transfer-encoding'] === undefined;

/** A query whose connection broke before any answer may be asked again. */
const isRepeatable = (request: IncomingMessage): boolean => (request.method === 'GET' || request.method === 'HEAD') && withoutBody(request);

/** Sends the body on once a connection stands, so that a refused one has taken nothing of it. */
function forward(request: IncomingMessage, upstream: ClientRequest): void {
  if (withoutBody(request)) return void upstream.end();
  upstream.once('socket', (socket) => {
    const go = (): void => void request.pipe(upstream);
    if (socket.connecting) socket.once('connect', go);
    else go();
  });
}
