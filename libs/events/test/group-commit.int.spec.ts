import { eventually, freshDatabase, type TestDatabase } from '@skein/testing';
import { ok, type Decider } from '@skein/kernel';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventsMigrations, EventStore } from '../src/index.js';
import { metadata } from './account.js';

type Counted = { type: 'skein.test.counted.v1'; data: { n: number } };
const counter: Decider<number, number, Counted> = {
  initialState: () => 0,
  decide: (add, count) => ok(Array.from({ length: add }, (_, index) => ({ type: 'skein.test.counted.v1' as const, data: { n: count + index + 1 } }))),
  evolve: (count) => count + 1,
};
const counted = (n: number): Counted => ({ type: 'skein.test.counted.v1', data: { n } });

let db: TestDatabase;
let store: EventStore;
beforeAll(async () => {
  db = await freshDatabase(eventsMigrations);
  store = new EventStore({ pool: db.appPool });
});
afterAll(() => db.drop());

const count = async (table: string): Promise<number> => Number((await db.appPool.query<{ count: string }>(`SELECT count(*) FROM ${table}`)).rows[0]?.count);
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

describe('appends that come at once', () => {
  test('each is committed or refused by itself', async () => {
    await store.append('group-taken', 'none', [counted(1), counted(2)], metadata);
    const streams = Array.from({ length: 40 }, (_, index) => `group-${index}`);
    const outcomes = await Promise.allSettled([
      ...streams.map((stream, index) => store.append(stream, 'none', Array.from({ length: (index % 3) + 1 }, (_, n) => counted(n + 1)), metadata)),
      store.append('group-taken', 1, [counted(3)], metadata),
      store.append('group-absent', 'exists', [counted(1)], metadata),
      store.append('group-taken', 2, [counted(3)], metadata),
    ]);
    expect(outcomes.slice(0, 40).map((outcome) => (outcome.status === 'fulfilled' ? outcome.value.version : 0))).toEqual(streams.map((_, index) => (index % 3) + 1));
    const [stale, absent, right] = outcomes.slice(40);
    expect(stale?.status === 'rejected' && messageOf(stale.reason)).toMatch(/group-taken is at version [23], expected 1/);
    expect(absent?.status === 'rejected' && messageOf(absent.reason)).toContain('group-absent is at version 0, expected an existing stream');
    expect(right).toMatchObject({ status: 'fulfilled', value: { version: 3 } });
    for (const [index, stream] of streams.entries()) expect((await store.readStream(stream)).map((event) => event.data)).toEqual(Array.from({ length: (index % 3) + 1 }, (_, n) => ({ n: n + 1 })));
  });

  test('one that the database refuses does not take the others with it', async () => {
    const tooLong = 'x'.repeat(256);
    const mixed = await Promise.allSettled(Array.from({ length: 12 }, (_, index) => store.append(index === 5 ? `long-${tooLong}` : `long-${index}`, 'none', [counted(index)], metadata)));
    expect(mixed.map(({ status }) => status)).toEqual(Array.from({ length: 12 }, (_, index) => (index === 5 ? 'rejected' : 'fulfilled')));
  });

  test('whoever waits for a locked stream waits alone', async () => {
    const holder = new pg.Client({ connectionString: db.appUrl });
    await holder.connect();
    await holder.query('BEGIN');
    await holder.query(`SELECT pg_advisory_xact_lock(hashtextextended('locked-0', 0))`);
    let waited = false;
    const waits = store.append('locked-0', 'none', [counted(1)], metadata).then((done) => {
      waited = true;
      return done;
    });
    await Promise.all(Array.from({ length: 30 }, (_, index) => store.append(`locked-${index + 1}`, 'none', [counted(1), counted(2)], metadata)));
    expect(waited).toBe(false);
    await holder.query('COMMIT');
    await holder.end();
    expect(await waits).toEqual({ streamId: 'locked-0', version: 1 });
  });

  test('who waits alone leaves connections for the other streams and for reads', async () => {
    const streams = Array.from({ length: 6 }, (_, index) => `held-${index}`);
    const holder = new pg.Client({ connectionString: db.appUrl });
    await holder.connect();
    await holder.query('BEGIN');
    for (const stream of streams) await holder.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [stream]);
    const pool = new pg.Pool({ connectionString: db.appUrl, max: 4, connectionTimeoutMillis: 3_000 });
    const own = new EventStore({ pool });
    const held = streams.map((stream) => own.append(stream, 'none', [counted(1)], metadata));
    const waiting = async (): Promise<number> => (await holder.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    )).rows[0]?.count ?? 0;
    await eventually(async () => expect(await waiting()).toBeGreaterThanOrEqual(2));
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    expect(await own.append('not-held', 'none', [counted(1)], metadata)).toEqual({ streamId: 'not-held', version: 1 });
    expect(await waiting()).toBe(2);
    await holder.query('COMMIT');
    await holder.end();
    expect(await Promise.all(held)).toEqual(streams.map((streamId) => ({ streamId, version: 1 })));
    await own.close();
    await pool.end();
  });

  test('large appends go by themselves, whatever numbers others draw meanwhile', async () => {
    const many = (count: number): Counted[] => Array.from({ length: count }, (_, n) => counted(n + 1));
    const streams = Array.from({ length: 12 }, (_, index) => `large-${index}`);
    const versions = await Promise.all(streams.map(async (stream, index) => {
      await store.append(stream, 'none', many(40 + index), metadata);
      const [, small] = await Promise.all([store.append(`${stream}-beside`, 'any', [counted(1)], metadata), store.append(stream, 40 + index, many(33), metadata)]);
      return small.version;
    }));
    expect(versions).toEqual(streams.map((_, index) => 73 + index));
    await expect(store.append('large-0', 40, many(32), metadata)).rejects.toThrow('stream large-0 is at version 73, expected 40');
    await expect(store.append('large-0', 'none', many(32), metadata)).rejects.toThrow('stream large-0 is at version 73, expected none');
    const repeated = await Promise.all([1, 2].map(() => store.append('large-0', 73, many(50), metadata, 'command-1')));
    expect(repeated.map(({ version }) => version)).toEqual([123, 123]);
    expect((await store.readStream('large-0')).map(({ version }) => version)).toEqual(Array.from({ length: 123 }, (_, index) => index + 1));
  });

  test('statements that hang leave a connection for reads', async () => {
    const holder = new pg.Client({ connectionString: db.appUrl });
    await holder.connect();
    await holder.query('BEGIN; LOCK TABLE es_unsequenced IN SHARE MODE');
    const pool = new pg.Pool({ connectionString: db.appUrl, max: 4 });
    const own = new EventStore({ pool });
    const hanging = (count: number, timeoutMs = 45_000): Promise<void> =>
      eventually(async () => {
        const { rows } = await holder.query<{ count: number }>(`SELECT count(*)::int AS count FROM pg_locks WHERE relation = 'es_unsequenced'::regclass AND NOT granted`);
        expect(rows[0]?.count).toBe(count);
      }, { timeoutMs });
    // One after the other, so that each is a group of its own.
    const appends: Promise<unknown>[] = [];
    for (let index = 0; index < 3; index += 1) {
      appends.push(own.append(`hanging-${index}`, 'any', [counted(1)], metadata));
      await hanging(index + 1);
    }
    appends.push(own.append('hanging-3', 'any', [counted(1)], metadata));
    await expect(hanging(4, 300)).rejects.toThrow('expected 3 to be 4');
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await holder.query('COMMIT');
    await Promise.all(appends);
    await own.close();
    await pool.end();
    await holder.end();
  });
});

describe('commands that come at once', () => {
  test('keys, inbox rows, jobs and timers stay with their own command', async () => {
    const run = (index: number): Promise<unknown> =>
      store.execute({
        decider: counter, streamId: `command-${index}`, command: () => (index % 3) + 1, metadata,
        ...(index % 2 === 0 ? { key: { scope: 'group', key: `key-${index}`, requestHash: `hash-${index}` } } : { inbox: { consumer: 'group', messageId: `message-${index}` } }),
        effects: () => [
          { job: { id: `group-job-${index}`, kind: 'group', payload: { index } } },
          { timer: { id: `group-timer-${index}`, kind: 'group', dueAtMs: 4_000_000_000_000, payload: { index } } },
        ],
        answer: (state) => ({ state, index }),
      });
    const indexes = Array.from({ length: 30 }, (_, index) => index);
    const first = await Promise.all(indexes.map(run));
    expect(first).toEqual(indexes.map((index) => expect.objectContaining({ ok: true, value: expect.objectContaining({ version: (index % 3) + 1, duplicate: false, answer: { state: (index % 3) + 1, index } }) })));
    const again = await Promise.all(indexes.map(run));
    expect(again).toEqual(indexes.map(() => expect.objectContaining({ ok: true, value: expect.objectContaining({ duplicate: true }) })));
    const { rows } = await db.appPool.query<{ key: string; request_hash: string; stream_id: string }>(`SELECT key, request_hash, stream_id FROM es_idempotency WHERE scope = 'group'`);
    expect(rows).toHaveLength(15);
    for (const { key, request_hash, stream_id } of rows) expect([request_hash, stream_id]).toEqual([key.replace('key', 'hash'), key.replace('key', 'command')]);
    expect([await count('es_inbox'), await count('es_job'), await count('es_timer')]).toEqual([15, 30, 30]);
  });

  test('one message for many streams takes effect once, one key for many streams is carried out once', async () => {
    const streams = Array.from({ length: 20 }, (_, index) => `race-${index}`);
    const outcomes = await Promise.all(streams.map((streamId) => store.execute({ decider: counter, streamId, command: () => 1, metadata, inbox: { consumer: 'race', messageId: 'one' } })));
    expect(outcomes.filter((outcome) => outcome.ok && !outcome.value.duplicate)).toHaveLength(1);
    const keyed = await Promise.all(streams.map((streamId) => store.execute({ decider: counter, streamId: `${streamId}-keyed`, command: () => 1, metadata, key: { scope: 'race', key: 'one', requestHash: 'same' } })));
    expect(keyed.filter((outcome) => outcome.ok && !outcome.value.duplicate)).toHaveLength(1);
    const { rows } = await db.appPool.query(`SELECT stream_id FROM es_event WHERE stream_id LIKE 'race-%'`);
    expect(rows).toHaveLength(2);
  });
});

test('every event got one position, in the order of its stream', async () => {
  const head = await store.headPosition();
  const all = await store.readAll(0n, Number(head) + 1);
  expect(all.map((event) => event.position)).toEqual(Array.from({ length: Number(head) }, (_, index) => BigInt(index + 1)));
  const versions = new Map<string, number>();
  for (const event of all) {
    expect(event.version).toBe((versions.get(event.streamId) ?? 0) + 1);
    versions.set(event.streamId, event.version);
  }
  expect(await count('es_unsequenced')).toBe(0);
});
