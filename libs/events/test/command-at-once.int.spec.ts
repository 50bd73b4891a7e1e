import { freshDatabase, type TestDatabase } from '@skein/testing';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { eventsMigrations, EventStore, type Execute } from '../src/index.js';
import { account, metadata, type AccountCommand, type AccountEvent } from './account.js';

// A command on a stream that nobody else wrote to lately is one round trip. What it decided on is checked by the append alone.

let db: TestDatabase;
let pool: pg.Pool;
let statements: string[] = [];
let store: EventStore;
let other: EventStore;
beforeAll(async () => {
  db = await freshDatabase(eventsMigrations);
  pool = new pg.Pool({ connectionString: db.appUrl, max: 4 });
  const query = pool.query.bind(pool) as (...args: unknown[]) => unknown;
  pool.query = ((...args: unknown[]) => {
    const [first] = args;
    statements.push(typeof first === 'object' && first !== null && 'name' in first ? String(first.name) : String(first));
    return query(...args);
  }) as typeof pool.query;
  store = new EventStore({ pool });
  other = new EventStore({ pool: db.appPool });
});
afterAll(async () => {
  await Promise.all([store.close(), other.close()]);
  await pool.end();
  await db.drop();
});
beforeEach(() => {
  statements = [];
});

type Request = Execute<{ balance: bigint }, AccountCommand, AccountEvent, { balance: bigint }>;
const change = (streamId: string, amount: bigint, more: Partial<Request> = {}): Request => ({
  decider: account, streamId, metadata, command: () => ({ change: amount }), answer: ({ balance }) => ({ balance }), ...more,
});
const asked = (): string[] => statements.filter((name) => name.startsWith('es-append') || name === 'es-load');

test('the first command looks, the ones after it append at once', async () => {
  for (let n = 1n; n <= 3n; n += 1n) expect(await store.execute(change('account-own', 1n))).toMatchObject({ ok: true, value: { answer: { balance: n }, version: Number(n) } });
  expect(asked()).toEqual(['es-load', 'es-append-exact', 'es-append-exact', 'es-append-exact']);
  const times = (await store.readStream('account-own')).map((event) => event.recordedAtMs);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
});

test('what somebody else wrote in between is seen: decided again, and looked at first for a while', async () => {
  await store.execute(change('account-shared', 5n));
  await other.execute(change('account-shared', -4n));
  statements = [];
  expect(await store.execute(change('account-shared', -3n))).toMatchObject({ ok: false, error: { rule: 'insufficient-balance' } });
  expect(await store.execute(change('account-shared', 2n))).toMatchObject({ ok: true, value: { answer: { balance: 3n }, version: 3 } });
  expect(asked()).toEqual(['es-append-exact', 'es-load', 'es-load', 'es-append-exact']);
});

test('a refusal counts only on what the database says', async () => {
  await store.execute(change('account-refused', 1n));
  await other.execute(change('account-refused', 9n));
  expect(await store.execute(change('account-refused', -8n))).toMatchObject({ ok: true, value: { answer: { balance: 2n }, version: 3 } });
  const failing = change('account-refused', 1n, { command: () => Promise.reject(new Error('the port is away')) });
  await expect(store.execute(failing)).rejects.toThrow('the port is away');
});

test('key, message, jobs and timers go along, and a repeat is found by the append', async () => {
  await store.execute(change('account-keyed', 1n));
  const keyed = change('account-keyed', 1n, {
    key: { scope: 's', key: 'at-once', requestHash: 'h' }, effects: () => [{ job: { id: 'at-once', kind: 'k', payload: {} } }],
  });
  const delivered = change('account-keyed', 1n, { inbox: { consumer: 'c', messageId: 'at-once' } });
  statements = [];
  expect(await store.execute(keyed)).toMatchObject({ ok: true, value: { duplicate: false, version: 2 } });
  expect(await store.execute(delivered)).toMatchObject({ ok: true, value: { duplicate: false, version: 3 } });
  expect(asked()).toEqual(['es-append-group', 'es-append-group']);
  expect(await store.execute(keyed)).toMatchObject({ ok: true, value: { duplicate: true, version: 2, answer: { balance: 2n } } });
  expect(await store.execute(delivered)).toMatchObject({ ok: true, value: { duplicate: true } });
  expect(await store.readStream('account-keyed')).toHaveLength(3);
  expect((await db.appPool.query(`SELECT id FROM es_job WHERE id = 'at-once'`)).rows).toHaveLength(1);
});

test('a clock that is not the database’s any more is not decided by', async () => {
  for (const [streamId, more] of [['account-clock', {}], ['account-clock-keyed', { inbox: { consumer: 'c', messageId: 'clock' } }]] as const) {
    await store.execute(change(streamId, 1n));
    // The database's clock is set while the process carries on the one that it heard at the load.
    await db.ownerPool.query(`CREATE OR REPLACE FUNCTION es_now_ms() RETURNS bigint LANGUAGE sql VOLATILE RETURN floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint + 500000`);
    statements = [];
    let givenMs = 0;
    const stepped = change(streamId, 1n, { ...more, command: (nowMs) => ({ change: BigInt((givenMs = nowMs) && 1) }) });
    expect(await store.execute(stepped)).toMatchObject({ ok: true, value: { version: 2 } });
    expect(asked().map((name) => name === 'es-load')).toEqual([false, true, false]);
    const [first, second] = await store.readStream(streamId);
    expect(second?.recordedAtMs).toBe(givenMs);
    expect(givenMs - (first?.recordedAtMs ?? 0)).toBeGreaterThanOrEqual(500_000);
    await db.ownerPool.query(`CREATE OR REPLACE FUNCTION es_now_ms() RETURNS bigint LANGUAGE sql VOLATILE RETURN floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint`);
  }
});
