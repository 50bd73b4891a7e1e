import { freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventsMigrations, EventStore, type Execute } from '../src/index.js';
import { account, metadata, type AccountCommand, type AccountEvent } from './account.js';

let db: TestDatabase;
let store: EventStore;
beforeAll(async () => {
  db = await freshDatabase(eventsMigrations);
  store = new EventStore({ pool: db.appPool });
});
afterAll(async () => {
  await store.close();
  await db.drop();
});

type Request = Execute<{ balance: bigint }, AccountCommand, AccountEvent, { balance: bigint }>;
const change = (streamId: string, amount: bigint, more: Partial<Request> = {}): Request => ({
  decider: account, streamId, metadata, command: () => ({ change: amount }), answer: ({ balance }) => ({ balance }), ...more,
});

test('a command decides on the state, and its events have the time that it was given', async () => {
  let givenMs = 0;
  const result = await store.execute(change('account-1', 5n, { command: (nowMs) => ({ change: BigInt((givenMs = nowMs) && 5) }) }));
  expect(result).toMatchObject({ ok: true, value: { streamId: 'account-1', version: 1, answer: { balance: 5n }, duplicate: false, events: [{ version: 1 }] } });
  expect((await store.readStream('account-1'))[0]?.recordedAtMs).toBe(givenMs);
});

test('a refusal is a value and changes nothing', async () => {
  expect(await store.execute(change('account-2', -1n))).toMatchObject({ ok: false, error: { rule: 'insufficient-balance', field: 'change' } });
  expect(await store.readStream('account-2')).toEqual([]);
});

describe('idempotency key', () => {
  const key = (requestHash = 'h1') => ({ scope: 'wallet-a', key: 'k-1', requestHash });

  test('the same request again gets the stored answer, from another process too', async () => {
    const first = await store.execute(change('account-key', 5n, { key: key() }));
    const other = new EventStore({ pool: db.appPool });
    for (const again of [await store.execute(change('account-key', 5n, { key: key() })), await other.execute(change('account-elsewhere', 5n, { key: key() }))])
      expect(again).toMatchObject({ ok: true, value: { streamId: 'account-key', version: 1, answer: { balance: 5n }, duplicate: true } });
    expect(first).toMatchObject({ ok: true, value: { duplicate: false } });
    expect(await store.readStream('account-key')).toHaveLength(1);
    expect(await store.readStream('account-elsewhere')).toHaveLength(0);
    await other.close();
  });

  test('another request under the same key is a conflict', async () => {
    expect(await store.execute(change('account-key', 6n, { key: key('h2') }))).toMatchObject({ ok: false, error: { code: 'conflict', rule: 'idempotency-key-reused' } });
  });

  test('a refused request may succeed later under its key', async () => {
    const withdraw = change('account-later', -3n, { key: { scope: 's', key: 'later', requestHash: 'h' } });
    expect(await store.execute(withdraw)).toMatchObject({ ok: false });
    await store.execute(change('account-later', 4n));
    expect(await store.execute(withdraw)).toMatchObject({ ok: true, value: { answer: { balance: 1n }, duplicate: false } });
  });

  test('twenty at once under one key, on different new streams and in two processes, have one effect', async () => {
    const other = new EventStore({ pool: db.appPool });
    const results = await Promise.all(Array.from({ length: 20 }, (_, n) =>
      (n % 2 ? store : other).execute(change(`account-raced-${n}`, 1n, { key: { scope: 's', key: 'raced', requestHash: 'h' } }))));
    const streams = new Set(results.map((result) => (result.ok ? result.value.streamId : 'refused')));
    expect(streams.size).toBe(1);
    expect(results.filter((result) => result.ok && !result.value.duplicate)).toHaveLength(1);
    await other.close();
  });

  test('an expired key is forgotten, a key of money is not', async () => {
    const request = (streamId: string, forever: boolean) => change(streamId, 1n, { key: { scope: 's', key: `ends-${forever}`, requestHash: 'h', forever } });
    await store.execute(request('account-ends', false));
    await store.execute(request('account-stays', true));
    await db.ownerPool.query(`UPDATE es_idempotency SET expires_at = clock_timestamp() - interval '1 second' WHERE expires_at IS NOT NULL AND key LIKE 'ends-%'`);
    expect(await store.execute(request('account-ends-2', false))).toMatchObject({ ok: true, value: { duplicate: false } });
    expect(await store.execute(request('account-stays-2', true))).toMatchObject({ ok: true, value: { duplicate: true, streamId: 'account-stays' } });
  });
});

test('a message takes effect once', async () => {
  const request = change('account-inbox', 2n, { inbox: { consumer: 'c', messageId: 'm-1' } });
  expect(await store.execute(request)).toMatchObject({ ok: true, value: { duplicate: false } });
  expect(await store.execute(request)).toMatchObject({ ok: true, value: { duplicate: true, version: 1, events: [] } });
  expect(await store.readStream('account-inbox')).toHaveLength(1);
});

test('a hundred commands at once on one stream from three processes all happen, each on the state before it', async () => {
  const stores = [store, new EventStore({ pool: db.appPool }), new EventStore({ pool: db.appPool })];
  const results = await Promise.all(Array.from({ length: 100 }, (_, n) => stores[n % 3]!.execute(change('account-busy', 1n))));
  const balances = results.map((result) => (result.ok ? Number(result.value.answer?.balance) : 0)).sort((a, b) => a - b);
  expect(balances).toEqual(Array.from({ length: 100 }, (_, n) => n + 1));
  for (const other of stores) expect(await other.state(account, 'account-busy')).toEqual({ state: { balance: 100n }, version: 100 });
  await Promise.all(stores.slice(1).map((other) => other.close()));
});

test('effects are written with the events, and not at all with a refusal', async () => {
  const effects: Request['effects'] = (events) => [
    { job: { id: `job-${events[0]?.eventId}`, kind: 'k', payload: { amount: 3n } } },
    { timer: { id: 'timer-a', kind: 'k', dueAtMs: 1_000, payload: null } },
    { timer: { id: 'timer-b', kind: 'k', dueAtMs: 2_000, payload: null } },
    { cancelTimer: { id: 'timer-b' } },
  ];
  await store.execute(change('account-effects', 1n, { effects }));
  await store.execute(change('account-effects', -9n, { effects }));
  expect((await db.appPool.query('SELECT payload, state FROM es_job')).rows).toEqual([{ payload: { amount: '3n' }, state: 'open' }]);
  expect((await db.appPool.query('SELECT id, due_at_ms FROM es_timer')).rows).toEqual([{ id: 'timer-a', due_at_ms: '1000' }]);
});

test('a command that starts another one on its own stream is told so', async () => {
  const nested = store.execute(change('account-nested', 1n, { command: async () => ({ change: (await store.execute(change('account-nested', 1n))).ok ? 1n : 0n }) }));
  await expect(nested).rejects.toThrow('started itself');
});
