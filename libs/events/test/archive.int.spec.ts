import { eventually, freshDatabase, type TestDatabase } from '@skein/testing';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  archiveStream, compareProjection, countLog, eventsMigrations, EventStore, findEvents, Housekeeper, listSubscriptions, projectionSink, rebuildProjection, Subscription, type RecordedEvent,
} from '../src/index.js';
import { account, deposited, metadata, withdrawn } from './account.js';
import { balances } from './balances.js';

let db: TestDatabase;
let store: EventStore;
beforeEach(async () => {
  db = await freshDatabase(eventsMigrations);
  store = new EventStore({ pool: db.appPool });
});
afterEach(async () => {
  await store.close();
  await db.drop();
});

const closed = { type: 'skein.test.account.closed.v1', data: {} };
const hot = async (): Promise<number> => Number((await db.ownerPool.query<{ count: string }>('SELECT count(*) FROM es_event')).rows[0]?.count);

/** Everything that any reader can ask for. */
async function everything(reader: EventStore, streams: readonly string[]): Promise<unknown> {
  const pages: RecordedEvent[] = [];
  for (;;) {
    const { events } = await reader.readPage(pages.at(-1)?.position ?? 0n, 3);
    pages.push(...events);
    if (events.length === 0) break;
  }
  const cold = new EventStore({ pool: db.appPool });
  return {
    pages,
    deposits: await reader.readAll(0n, 1_000, ['skein.test.account.deposited.v1']),
    streams: await Promise.all(streams.map((stream) => reader.readStream(stream))),
    tails: await Promise.all(streams.map((stream) => reader.readStream(stream, 3))),
    states: await Promise.all(streams.map((stream) => cold.state(account, stream))),
    positions: await Promise.all(pages.map((event) => reader.positionOf(event.streamId, event.version))),
    correlated: await reader.readCorrelated('c-1'),
    found: await findEvents(db.appPool, { correlationId: 'c-1', limit: 1_000 }),
    counted: await countLog(db.appPool),
    head: await reader.headPosition(),
  };
}

test('whatever is archived, and while it is, every reader sees what it saw before', async () => {
  let round = 0;
  await fc.assert(fc.asyncProperty(
    fc.array(fc.record({ stream: fc.nat(2), count: fc.integer({ min: 1, max: 4 }) }), { minLength: 1, maxLength: 12 }), fc.array(fc.record({ stream: fc.nat(2), max: fc.integer({ min: 1, max: 5 }) }), { maxLength: 8 }),
    async (appends, moves) => {
      const prefix = `account-${(round += 1)}`;
      const streams = [0, 1, 2].map((stream) => `${prefix}-${stream}`);
      for (const { stream, count } of appends) await store.append(streams[stream]!, 'any', Array.from({ length: count }, () => deposited(1n)), metadata);
      await store.headPosition();
      const before = await everything(store, streams);
      let moving = true;
      const during = (async () => {
        do expect(await everything(store, streams)).toEqual(before);
        while (moving);
      })();
      for (const { stream, max } of moves) await db.appPool.query('SELECT es_archive($1, $2)', [streams[stream], max]);
      moving = false;
      await during;
      expect(await everything(store, streams)).toEqual(before);
    },
  ), { numRuns: 12 });
}, 120_000);

test('the last event stays, so that the stream goes on and the log keeps its head, also where it waits for its position', async () => {
  for (let n = 0; n < 5; n += 1) await store.append('account-a', 'any', [deposited(1n), deposited(1n)], metadata);
  await store.headPosition();
  expect(await archiveStream(db.appPool, 'account-a')).toBe(9);
  expect(await archiveStream(db.appPool, 'account-a')).toBe(0);
  expect(await hot()).toBe(1);
  await expect(store.append('account-a', 3, [deposited(1n)], metadata)).rejects.toThrow('at version 10');
  const sequencer = await db.ownerPool.connect();
  await sequencer.query('SELECT pg_advisory_lock(20250, 1)');
  await store.append('account-a', 10, [deposited(1n), withdrawn(2n)], metadata);
  expect(await archiveStream(db.appPool, 'account-a')).toBe(0);
  await sequencer.query('SELECT pg_advisory_unlock(20250, 1)');
  sequencer.release();
  expect(await store.headPosition()).toBe(12n);
  expect((await store.readAll(0n, 100)).map(({ position }) => position)).toEqual(Array.from({ length: 12 }, (_, at) => BigInt(at + 1)));
  const cold = new EventStore({ pool: db.appPool });
  expect(await cold.state(account, 'account-a')).toEqual({ state: { balance: 9n }, version: 12 });
  expect(await cold.execute({ decider: account, streamId: 'account-a', metadata, command: () => ({ change: -9n }) })).toMatchObject({ ok: true, value: { version: 13 } });
});

test('a repeated append of an archived event answers as it did', async () => {
  await store.append('account-a', 'none', [deposited(1n)], metadata, 'command-1');
  await store.append('account-a', 1, [deposited(2n)], metadata, 'command-2');
  await store.headPosition();
  await archiveStream(db.appPool, 'account-a');
  for (const expected of ['none', 'any', 'exists'] as const)
    expect(await store.append('account-a', expected, [deposited(1n)], metadata, 'command-1')).toEqual({ streamId: 'account-a', version: 1 });
  expect(await store.readStream('account-a')).toHaveLength(2);
});

test('the app role can neither write into the archive nor change it, and moves nothing that is not there', async () => {
  for (const sql of [`INSERT INTO es_event_archive SELECT 1, 1, 'x', 1, gen_random_uuid(), 't', 1, '{}', '{}', 0`, 'DELETE FROM es_event_archive', 'UPDATE es_event_archive SET version = 1'])
    await expect(db.appPool.query(sql)).rejects.toThrow('permission denied');
  expect(await archiveStream(db.appPool, 'account-nobody')).toBe(0);
});

test('projections are built, rebuilt and compared over the archive as before', async () => {
  for (let n = 0; n < 12; n += 1) await store.append(`account-${n % 3}`, 'any', [deposited(3n), withdrawn(1n)], metadata);
  await new Subscription({ store, sink: projectionSink(store, balances()), batchSize: 5 }).catchUp();
  await archiveStream(db.appPool, 'account-1');
  expect(await compareProjection(store, balances())).toMatchObject({ equal: true, position: 24n });
  await archiveStream(db.appPool, 'account-0');
  await rebuildProjection(store, balances());
  expect(await compareProjection(store, balances())).toMatchObject({ equal: true, position: 24n });
});

describe('housekeeper', () => {
  const age = (streams: string, days: number): Promise<unknown> =>
    db.ownerPool.query(`UPDATE es_event SET recorded_at_ms = recorded_at_ms - $2::bigint * 86400000 WHERE stream_id LIKE $1`, [streams, days]);
  const keeper = (options: Partial<ConstructorParameters<typeof Housekeeper>[0]> = {}): Housekeeper => new Housekeeper({ store, archive: { closedBy: [closed.type], afterDays: 30 }, ...options });

  test('archives streams that are closed and old enough, once, and none that went on', async () => {
    for (const stream of ['account-old', 'account-young', 'account-open', 'account-reopened']) await store.append(stream, 'none', [deposited(1n), deposited(1n)], metadata);
    for (const stream of ['account-old', 'account-reopened', 'account-young']) await store.append(stream, 2, [closed], metadata);
    await store.append('account-reopened', 3, [deposited(1n)], metadata);
    await store.headPosition();
    await age('account-old', 31);
    await age('account-re%', 31);
    await age('account-open', 31);
    expect(await keeper().runOnce()).toEqual({ keys: 0, jobs: 0, expired: {}, archivedStreams: 1, archivedEvents: 2 });
    expect(await keeper().runOnce()).toMatchObject({ archivedStreams: 0 });
    await age('account-young', 31);
    expect(await keeper().runOnce()).toMatchObject({ archivedStreams: 1, archivedEvents: 2 });
    await store.append('account-reopened', 4, [closed], metadata);
    await store.headPosition();
    await age('account-re%', 31);
    expect(await keeper().runOnce()).toMatchObject({ archivedStreams: 1, archivedEvents: 4 });
    expect((await store.readStream('account-reopened')).map(({ version }) => version)).toEqual([1, 2, 3, 4, 5]);
    expect(await listSubscriptions(db.appPool)).toEqual([]);
  });

  test('goes through many closed streams page by page, and goes on where a killed pass stopped', async () => {
    for (let n = 0; n < 40; n += 1) await store.append(`account-${n}`, 'none', [deposited(1n), closed], metadata);
    await store.headPosition();
    await age('account-%', 31);
    const dying = new EventStore({ pool: db.appPool });
    let reads = 0;
    const read = dying.pool.query.bind(dying.pool);
    const killed = Object.assign(Object.create(dying) as EventStore, { pool: Object.assign(Object.create(dying.pool) as typeof dying.pool, {
      query: (...args: Parameters<typeof read>) => ((reads += 1) > 20 ? Promise.reject(new Error('killed')) : read(...args)),
    }) });
    await expect(keeper({ store: killed }).runOnce()).rejects.toThrow('killed');
    const left = await hot();
    expect(left).toBeLessThan(80);
    expect(await keeper().runOnce()).toMatchObject({ archivedStreams: left - 40 });
    expect(await hot()).toBe(40);
    expect(await countLog(db.appPool)).toEqual({ streams: 40n, events: 80n });
  });

  test('removes keys after their time and jobs that were done long ago; money keys, failed and open jobs and inbox rows stay', async () => {
    const give = (key: string, forever: boolean) => store.execute({
      decider: account, streamId: `account-${key}`, metadata, command: () => ({ change: 1n }), key: { scope: 's', key, requestHash: 'h', forever }, inbox: { consumer: 'c', messageId: key },
      effects: () => [{ job: { id: key, kind: 'k', payload: null } }],
    });
    for (const key of ['gone', 'fresh', 'failed', 'open']) await give(key, false);
    await give('money', true);
    await db.appPool.query(`UPDATE es_idempotency SET expires_at = clock_timestamp() - interval '1 s' WHERE key IN ('gone', 'money') AND expires_at IS NOT NULL`);
    await db.appPool.query(`UPDATE es_inbox SET received_at = clock_timestamp() - interval '10 years'`);
    await db.appPool.query(`UPDATE es_job SET state = CASE id WHEN 'failed' THEN 'failed' WHEN 'open' THEN 'open' ELSE 'done' END,
      finished_at = CASE id WHEN 'open' THEN NULL WHEN 'fresh' THEN clock_timestamp() ELSE clock_timestamp() - interval '15 days' END`);
    expect(await keeper().runOnce()).toMatchObject({ keys: 1, jobs: 2 });
    const left = async (sql: string): Promise<unknown[]> => (await db.appPool.query<{ id: string }>(sql)).rows.map(({ id }) => id);
    expect(await left('SELECT id FROM es_job ORDER BY id')).toEqual(['failed', 'fresh', 'open']);
    expect(await left('SELECT key AS id FROM es_idempotency ORDER BY key')).toEqual(['failed', 'fresh', 'money', 'open']);
    expect(await left('SELECT message_id AS id FROM es_inbox')).toHaveLength(5);
  });

  test('one at a time; a worker goes on after a failure', async () => {
    await db.appPool.query(`INSERT INTO es_subscription (name, lease_owner, leased_until) VALUES ('es__housekeeping', gen_random_uuid(), clock_timestamp() + interval '1 hour')`);
    expect(await keeper().runOnce()).toBeUndefined();
    await db.appPool.query(`DELETE FROM es_subscription`);
    const failures: unknown[] = [];
    const worker = keeper({ store: Object.assign(Object.create(store) as EventStore, { readPage: () => Promise.reject(new Error('broken')) }), onError: (error) => void failures.push(error) });
    await worker.start();
    await eventually(() => expect(failures).toHaveLength(1));
    await worker.stop();
  });
});
