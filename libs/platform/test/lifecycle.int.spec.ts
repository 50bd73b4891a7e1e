import { createServer } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { eventually } from '@skein/testing';
import type { EventLog } from '@skein/messaging';
import { bootService, CONFIG, createGrpcClients, EVENT_LOG, POOL, type ServiceContext, type Settings, type Worker } from '../src/index.js';
import { Health, HealthCheckResponse_ServingStatus as Serving } from '@skein/contracts/grpc/health/v1';
import { definition, refusal, settingsFor, stage, type Stage } from './harness.js';
import { Probe } from './note-api.js';

const stages: Stage[] = [];
const staged = async (...args: Parameters<typeof stage>): Promise<Stage> => {
  const s = await stage(...args);
  stages.push(s);
  return s;
};
afterEach(async () => {
  for (const s of stages.splice(0)) await s.close();
});

class FakeWorker implements Worker {
  started = 0;
  stopped = 0;
  isReady = true;
  death: Error | undefined;
  constructor(readonly name: string) {}
  async start(): Promise<void> {
    this.started += 1;
  }
  async stop(): Promise<void> {
    this.stopped += 1;
  }
  ready(): boolean {
    return this.isReady;
  }
  failure(): Error | undefined {
    return this.death;
  }
}

describe('health', () => {
  test('live, ready, metrics', async () => {
    const s = await staged();
    expect((await s.rest('GET', '/health/live')).json).toEqual({ service: 'arena', live: true, dead: [] });
    expect((await s.rest('GET', '/health/ready')).json).toEqual({ service: 'arena', ready: true, waiting: [] });
    await s.rest('GET', '/test/v1/notes');
    const metrics = await s.rest('GET', '/metrics');
    expect(metrics.headers.get('content-type')).toContain('text/plain');
    expect(metrics.text).toMatch(/rpc_server_duration_seconds_count\{[^}]*rpc="skein\.test\.v1\.NoteService\/ListNotes"[^}]*\} 1/);
    expect(metrics.text).toMatch(/rpc_server_in_flight\{[^}]*\} 0/);
  });

  test('grpc.health.v1', async () => {
    const s = await staged();
    const clients = createGrpcClients({ caller: '', serviceTokenSecret: undefined, peers: {}, clock: { nowMs: () => Date.now() }, bodyLimitBytes: 1024 });
    const health = clients.client(Health, `127.0.0.1:${s.service.grpcPort}`);
    expect((await health.check({})).status).toBe(Serving.SERVING);
    expect((await health.check({ service: 'skein.test.v1.NoteService' })).status).toBe(Serving.SERVING);
    expect(await refusal(health.check({ service: 'nobody' }))).toMatchObject({ code: 'not-found' });
    for await (const { status } of health.watch({})) {
      expect(status).toBe(Serving.SERVING);
      break;
    }
    clients.close();
  });

  test('a waiting worker fails readiness, a dead one liveness', async () => {
    const worker = new FakeWorker('projection notes');
    worker.isReady = false;
    const s = await staged({ define: (base) => ({ ...base, workers: () => [worker] }) });
    expect((await s.rest('GET', '/health/ready')).json).toMatchObject({ ready: false, waiting: ['projection notes'] });
    worker.isReady = true;
    expect(await s.service.ready()).toBe(true);
    worker.death = new Error('gone');
    const live = await s.rest('GET', '/health/live');
    expect(live.status).toBe(503);
    expect(live.json).toMatchObject({ dead: ['projection notes'] });
    expect(live.text).not.toContain('gone');
  });

  test('a worker whose start fails keeps the service from readiness; the others run', async () => {
    const good = new FakeWorker('good');
    const bad = Object.assign(new FakeWorker('bad'), { start: async () => Promise.reject(new Error('no')) });
    const s = await staged({ define: (base) => ({ ...base, workers: () => [bad, good] }) });
    expect((await s.rest('GET', '/health/ready')).json).toMatchObject({ ready: false, waiting: ['bad'] });
    expect(good.started).toBe(1);
  });

  test('a consumer without an event log fails the start by the name of the setting', async () => {
    const consumer = (context: ServiceContext): Worker => ({ name: 'c', start: async () => void (await context.get<EventLog>(EVENT_LOG).consume({ group: 'g', topics: [], onBatch: async () => undefined })), stop: async () => undefined });
    const s = await staged();
    const defined = { ...definition(new Probe()), workers: (context: ServiceContext) => [consumer(context)] };
    await expect(bootService(defined, 'worker', settingsFor(s.database.appUrl), { strict: true })).rejects.toThrow('EVENT_LOG_URL: is missing');
  });

  test('a database that is gone fails readiness', async () => {
    const s = await staged();
    await s.service.get<{ end(): Promise<void> }>(POOL).end();
    await eventually(async () => expect((await s.rest('GET', '/health/ready')).json).toMatchObject({ ready: false, waiting: ['database'] }));
  });
});

describe('roles', () => {
  test('a worker serves health and metrics and no API', async () => {
    const worker = new FakeWorker('w');
    const s = await staged({ role: 'worker', define: (base) => ({ ...base, workers: () => [worker] }) });
    expect(worker.started).toBe(1);
    expect(s.service.grpcPort).toBeUndefined();
    expect((await s.rest('GET', '/health/ready')).status).toBe(200);
    expect((await s.rest('GET', '/test/v1/notes')).status).toBe(404);
  });

  test('an API starts no workers', async () => {
    const worker = new FakeWorker('w');
    const s = await staged({ role: 'api', define: (base) => ({ ...base, workers: () => [worker] }) });
    expect(worker.started).toBe(0);
    expect((await s.rest('GET', '/test/v1/notes')).status).toBe(200);
  });

  test('workers reach providers by their tokens', async () => {
    let seen: Settings | undefined;
    await staged({ define: (base) => ({ ...base, workers: (context) => [Object.assign(new FakeWorker(context.name), { seen: (seen = context.get<Settings>(CONFIG)) })] }) });
    expect(seen?.signInDomain).toBe('skein.test');
  });
});

describe('ports', () => {
  test.each(['HTTP_PORT', 'GRPC_PORT', 'INTERNAL_GRPC_PORT'])('a taken %s is named with its option', async (option) => {
    const blocker = createTcpServer();
    await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve));
    const { port } = blocker.address() as AddressInfo;
    const s = await staged();
    await expect(bootService(definition(new Probe()), 'all', settingsFor(s.database.appUrl, { [option]: String(port) }))).rejects.toThrow(`port ${port} on 127.0.0.1 is already taken: free it or choose another with ${option}`);
    blocker.close();
  });

  test('a front server dispatches without a port of the service', async () => {
    const s = await staged({ adapters: { frontPort: true } });
    expect(s.service.http.port).toBeUndefined();
    const front = createServer((request, response) => s.service.http.handler(request, response));
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
    const answer = await fetch(`${url}/test/v1/notes/9:approve`, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } });
    expect(answer.status).toBe(401);
    expect((await fetch(`${url}/test/v1/notes`)).status).toBe(200);
    await s.service.close();
    const closed = await fetch(`${url}/test/v1/notes`);
    expect(closed.status).toBe(503);
    expect(await closed.json()).toMatchObject({ code: 'unavailable', rule: 'shutting-down', retriable: true, correlationId: closed.headers.get('x-correlation-id') });
    front.close();
  });
});

describe('stop', () => {
  test('calls in flight end, new ones are refused, workers stop, ports close', async () => {
    const worker = new FakeWorker('w');
    const s = await staged({ define: (base) => ({ ...base, workers: () => [worker] }) });
    const waiting = s.grpc().wait({});
    const overRest = s.rest('GET', '/test/v1/wait');
    await eventually(() => expect(s.probe.waiting).toBe(2));
    const closing = s.service.close();
    expect(s.service.close()).toBe(closing);
    await eventually(() => expect(worker.stopped).toBe(1));
    expect(await refusal(s.grpc().listNotes({}))).toMatchObject({ code: 'unavailable', retriable: true });
    expect(await s.service.ready()).toBe(false);
    s.probe.open();
    expect((await waiting).name).toBe('notes/waited');
    expect((await overRest).json).toMatchObject({ name: 'notes/waited' });
    await closing;
    await expect(fetch(`${s.url}/health/live`)).rejects.toThrow();
  });

  test('what does not end in time is cut', async () => {
    const s = await staged({ adapters: { drainMs: 100 } });
    const waiting = refusal(s.grpc().wait({}));
    await eventually(() => expect(s.probe.waiting).toBe(1));
    await s.service.close();
    expect(await waiting).toMatchObject({ code: 'unavailable' });
    expect(s.probe.calls.at(-1)?.signal.aborted).toBe(true);
  });

  test('a provider that does not end is left to the end of the process', async () => {
    const hangs = { provide: 'HANGS', useValue: { onApplicationShutdown: () => new Promise<void>(() => undefined) } };
    const s = await staged({ adapters: { drainMs: 100 }, define: (base) => ({ ...base, providers: [...base.providers, hangs] }) });
    await s.service.close();
    await expect(fetch(`${s.url}/health/live`)).rejects.toThrow();
  });
});
