import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { eventually } from '@skein/testing';
import { afterEach, expect, test } from 'vitest';
import { createGrpcClients, type ClientCallOptions } from '../src/index.js';
import { Health, HealthCheckResponse_ServingStatus as Serving } from '@skein/contracts/grpc/health/v1';
import { apiKey, refusal, session, stage, type Stage } from './harness.js';

const RUNNING = 4;
const QUEUED = 6;
let s: Stage;
const staged = async (settings: Record<string, string> = {}): Promise<Stage> =>
  (s = await stage({ settings: { CALLS_MAX: String(RUNNING), CALLS_QUEUED_MAX: String(QUEUED), CALL_TIMEOUT_MS: '300000', ...settings } }));
afterEach(() => s.close());

/** A gauge of one lane, as an operator reads it. */
async function gauge(name: 'rpc_server_admitted' | 'rpc_server_queued' | 'rpc_server_refused_total', lane = 'calls'): Promise<number> {
  const { text } = await s.rest('GET', '/metrics');
  return Number(new RegExp(`^${name}\\{[^}]*lane="${lane}"[^}]*\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
}
const load = async (lane = 'calls'): Promise<number[]> => [await gauge('rpc_server_admitted', lane), await gauge('rpc_server_queued', lane)];

/** Calls that wait for `probe.open()`, as many as are worked on for one tenant and then as many as may wait. */
async function fill(authorization?: string): Promise<Promise<unknown>[]> {
  const client = s.grpc(authorization);
  const share = 3;
  const calls = Array.from({ length: share + QUEUED }, () => client.wait({}).catch((error: unknown) => error));
  await eventually(async () => expect(await load()).toEqual([share, QUEUED]));
  return calls;
}
const openUntil = async (calls: readonly Promise<unknown>[]): Promise<unknown[]> => {
  let over = false;
  const all = Promise.all(calls).finally(() => (over = true));
  await eventually(async () => {
    s.probe.open();
    expect(over).toBe(true);
  });
  return all;
};

test('beyond what runs and waits, a call is refused at once with a time, and after the load everything is as before', async () => {
  await staged();
  const calls = await fill();
  const rest = await s.rest('GET', '/test/v1/notes');
  expect(rest).toMatchObject({ status: 429, json: { code: 'resource-exhausted', rule: 'overloaded', retriable: true, correlationId: expect.any(String) } });
  const { retryAfterMs } = rest.json as { retryAfterMs: number };
  expect(retryAfterMs).toBeGreaterThanOrEqual(100);
  expect(rest.headers.get('retry-after')).toBe(String(Math.ceil(retryAfterMs / 1_000)));
  expect(await refusal(s.grpc().listNotes({}))).toMatchObject({ code: 'resource-exhausted', rule: 'overloaded', retriable: true, retryAfterMs: expect.any(Number) });
  expect(await gauge('rpc_server_refused_total')).toBe(2);
  for (const answer of await openUntil(calls)) expect(answer).toMatchObject({ name: 'notes/waited' });
  expect(await load()).toEqual([0, 0]);
  expect((await s.rest('GET', '/test/v1/notes')).status).toBe(200);
});

test('a quiet tenant has a place kept for it, and its turn in a full queue', async () => {
  await staged();
  const noisy = await fill();
  const quiet = await session();
  expect((await s.rest('GET', '/test/v1/notes/1', { headers: { authorization: quiet } })).status).toBe(200);
  // With that place taken by a third tenant, it waits, and the newest of the noisy ones has gone for it.
  const third = s.grpc(apiKey('good1234')).wait({});
  await eventually(async () => expect(await gauge('rpc_server_admitted')).toBe(RUNNING));
  const waiting = s.rest('GET', '/test/v1/notes/1', { headers: { authorization: quiet } });
  await eventually(async () => expect(await gauge('rpc_server_refused_total')).toBe(1));
  expect(await load()).toEqual([RUNNING, QUEUED]);
  const answers = await openUntil([...noisy, third]);
  expect((await waiting).status).toBe(200);
  expect(answers.filter((answer) => answer instanceof Error)).toHaveLength(1);
});

test('one at full speed does not cost another a single call', async () => {
  await staged();
  let enough = false;
  let refused = 0;
  const wait = async (authorization?: string): Promise<number> => (await s.rest('GET', '/test/v1/wait', authorization === undefined ? {} : { headers: { authorization } })).status;
  const noisy = Array.from({ length: 40 }, async () => {
    while (!enough) refused += (await wait()) === 429 ? 1 : 0;
  });
  // Work takes as long as a look at the metrics.
  const working = (async () => {
    while ((await load())[0] !== 0 || !enough) s.probe.open();
  })();
  const authorization = await session();
  const statuses: number[] = [];
  for (let index = 0; index < 40; index += 1) statuses.push(await wait(authorization));
  enough = true;
  await Promise.all([...noisy, working]);
  expect(new Set(statuses)).toEqual(new Set([200]));
  expect(refused).toBeGreaterThan(0);
}, 180_000);

test('services, health and metrics answer while callers outside have taken every place', async () => {
  await staged();
  const calls = [...(await fill()), s.grpc(await session()).wait({})];
  await eventually(async () => expect(await gauge('rpc_server_admitted')).toBe(RUNNING));
  expect(await s.internal().whoAmI({})).toMatchObject({ caller: 'billing' });
  expect((await s.rest('GET', '/health/ready')).json).toMatchObject({ ready: true });
  const clients = createGrpcClients({ caller: '', serviceTokenSecret: undefined, peers: {}, clock: { nowMs: () => Date.now() }, bodyLimitBytes: 1024 });
  expect((await clients.client(Health, `127.0.0.1:${s.service.grpcPort}`).check({})).status).toBe(Serving.SERVING);
  clients.close();
  await openUntil(calls);
});

test.each<[string, (leaving: AbortSignal) => ClientCallOptions]>([
  // Long enough that all three have come to their places, however slow the machine is.
  ['a deadline that passes', () => ({ timeoutMs: 4_000 })],
  ['a caller that goes away', (signal) => ({ signal })],
])('%s ends the waiting: the call never reaches its handler', async (_, options) => {
  await staged();
  const client = s.grpc();
  await client.listNotes({});
  const calls = await fill(await session());
  const before = s.probe.calls.length;
  const leaving = new AbortController();
  const late = [0, 1, 2].map(() => refusal(client.wait({}, options(leaving.signal))));
  // Two of the others' waiting calls have gone for them.
  await eventually(async () => expect([await gauge('rpc_server_refused_total'), ...(await load())]).toEqual([2, RUNNING, QUEUED]), { everyMs: 1 });
  leaving.abort();
  expect((await Promise.all(late)).map(({ code }) => code)).toEqual(['deadline-exceeded', 'deadline-exceeded', 'deadline-exceeded']);
  // One of the three had the place that is kept; it is told, and keeps the place until it really ends.
  await eventually(async () => expect(await load()).toEqual([RUNNING, QUEUED - 2]));
  expect(s.probe.calls.length - before).toBe(1);
  expect(s.probe.calls.at(-1)?.signal.aborted).toBe(true);
  await openUntil(calls);
  await eventually(async () => expect(await load()).toEqual([0, 0]));
  expect(s.probe.calls.filter(({ signal }) => signal.aborted)).toHaveLength(1);
});

test.each([
  [{ 'grpc-timeout': '120m' }, 504],
  [{ prefer: 'wait=0' }, 504],
])('over HTTP %o is the deadline', async (headers, status) => {
  await staged();
  const answer = await s.rest('GET', '/test/v1/wait', { headers });
  expect(answer).toMatchObject({ status, json: { code: 'deadline-exceeded', retriable: true } });
});

test('streams have a bound of their own', async () => {
  await staged({ STREAMS_MAX: '4' });
  const open = Array.from({ length: 3 }, () => s.grpc().watchNotes({})[Symbol.asyncIterator]());
  for (const stream of open) await stream.next();
  expect(await refusal(s.grpc().watchNotes({})[Symbol.asyncIterator]().next())).toMatchObject({ code: 'resource-exhausted', retryAfterMs: expect.any(Number) });
  expect((await s.rest('GET', '/test/v1/notes:watch?count=1')).status).toBe(429);
  expect((await s.rest('GET', '/test/v1/notes')).status).toBe(200);
  for (const stream of open) await stream.return?.();
  await eventually(async () => expect(await load('streams')).toEqual([0, 0]));
  expect((await s.rest('GET', '/test/v1/notes:watch?count=1')).status).toBe(200);
});

test('memory stays flat however much is refused', async () => {
  await staged();
  const calls = await fill();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const wave = async (rounds: number): Promise<number> => {
    for (let round = 0; round < rounds; round += 1) {
      const statuses = await Promise.all(Array.from({ length: 50 }, async () => (await s.rest('GET', '/test/v1/notes')).status));
      expect(new Set(statuses)).toEqual(new Set([429]));
    }
    collect();
    return process.memoryUsage().heapUsed;
  };
  await wave(2);
  // What is left by something else, or not collected yet, comes and goes; what a refusal left behind would only grow.
  const levels = [];
  for (let at = 0; at < 6; at += 1) levels.push(await wave(1));
  expect((Math.min(...levels.slice(3)) - Math.min(...levels.slice(0, 3))) / 1024 / 1024).toBeLessThan(2);
  await openUntil(calls);
}, 300_000);
