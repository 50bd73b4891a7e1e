import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RunningService, ServiceName } from '@skein/platform';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startFront } from '../src/front.js';
import { SERVICE_NAMES } from '../src/ports.js';

const running = new Map<ServiceName, RunningService>();
let front: Server;
let base: string;

const echo = (name: ServiceName, ready: () => boolean): RunningService => ({
  name,
  role: 'all',
  http: { port: undefined, handler: (request, response) => void response.end(`${name} ${request.method} ${request.url}`) },
  grpcPort: undefined,
  internalGrpcPort: undefined,
  get: () => {
    throw new Error('not asked for');
  },
  ready: async () => ready(),
  close: async () => {},
});

let billingReady = true;

beforeAll(async () => {
  for (const name of SERVICE_NAMES) running.set(name, echo(name, () => name !== 'billing' || billingReady));
  front = await startFront(0, SERVICE_NAMES, (name) => running.get(name));
  base = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
});
afterAll(() => front.close());

const text = async (path: string): Promise<string> => (await fetch(base + path)).text();

test.each([
  ['/arena/v1/tasks?page_size=2', 'arena GET /arena/v1/tasks?page_size=2'],
  ['/federation/v1/tasks', 'fl-aggregator GET /federation/v1/tasks'],
  ['/staking/openapi.json', 'staking-indexer GET /staking/openapi.json'],
  ['/v2/models/m', 'marketplace GET /v2/models/m'],
  ['/validation/health/ready', 'validation GET /health/ready'],
  ['/billing/metrics', 'billing GET /metrics'],
])('%s reaches its service', async (path, answer) => {
  expect(await text(path)).toBe(answer);
});

test('an unknown path is a problem document, also one named like a property of objects', async () => {
  for (const path of ['/nothing/here', '/constructor/v1', '/__proto__']) {
    const response = await fetch(base + path);
    expect([response.status, response.headers.get('content-type')]).toEqual([404, 'application/problem+json']);
    const correlationId = response.headers.get('x-correlation-id');
    expect(await response.json()).toEqual({ type: 'urn:skein:error:not-found:route', title: 'Not found', status: 404, detail: `there is no GET ${path}`, code: 'not-found', rule: 'route', retriable: false, correlationId });
  }
});

test('the whole is ready when every service is, and says which one is not', async () => {
  expect(await (await fetch(`${base}/health/ready`)).json()).toMatchObject({ ready: true });
  billingReady = false;
  const response = await fetch(`${base}/health/ready`);
  billingReady = true;
  expect(response.status).toBe(503);
  expect(await response.json()).toMatchObject({ ready: false, services: { billing: false, arena: true } });
});

test('a closed service is unavailable while the others answer', async () => {
  const kept = running.get('arena') as RunningService;
  running.delete('arena');
  const response = await fetch(`${base}/arena/v1/tasks`, { headers: { 'x-correlation-id': 'correlation-1' } });
  expect([response.status, response.headers.get('x-correlation-id')]).toEqual([503, 'correlation-1']);
  expect(await response.json()).toMatchObject({ code: 'unavailable', rule: 'service-closed', retriable: true, correlationId: 'correlation-1' });
  expect(await text('/billing/v1/statements')).toContain('billing');
  expect((await fetch(`${base}/health/live`)).status).toBe(503);
  running.set('arena', kept);
});

test('the index lists where to look', async () => {
  expect(JSON.parse(await text('/'))).toMatchObject({ health: '/health/ready', inference: '/v2' });
});
