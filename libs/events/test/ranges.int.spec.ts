import { freshDatabase, type TestDatabase } from '@skein/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { archiveStream, eventsMigrations, EventStore } from '../src/index.js';
import { deposited, metadata, withdrawn } from './account.js';

// Events that follow one another share a row of es_position. Readers must not notice.

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

const ranges = async (): Promise<{ position: number; events: number }[]> =>
  (await db.appPool.query<{ position: string; events: number }>('SELECT position, events FROM es_position ORDER BY position')).rows.map(({ position, events }) => ({ position: Number(position), events }));
const many = (count: number) => Array.from({ length: count }, (_, n) => (n % 3 === 2 ? withdrawn(1n) : deposited(BigInt(n + 1))));

test('what follows without a gap is one range; numbers of a rolled back append end it', async () => {
  await store.append('range-a', 'none', many(100), metadata);
  await store.append('range-b', 'none', many(1), metadata);
  expect(await store.headPosition()).toBe(101n);
  const client = await db.appPool.connect();
  await client.query(`BEGIN; INSERT INTO es_event (stream_id, version, event_id, type, schema_version, data, metadata, recorded_at_ms) VALUES ('range-x', 1, gen_random_uuid(), 't', 1, '{}', '{}', 0); ROLLBACK`);
  client.release();
  await store.append('range-b', 1, many(2), metadata);
  expect(await store.headPosition()).toBe(103n);
  // The first two may have been numbered in one pass or in two.
  expect((await ranges()).reduce((sum, { events }) => sum + events, 0)).toBe(103);
  expect((await ranges()).at(-1)).toEqual({ position: 102, events: 2 });
});

test('numbers that were drawn in turns are left as several ranges', async () => {
  const before = Number(await store.headPosition());
  // Two writers whose numbers interlock: 1 3 5 … and 2 4 6 …
  await db.ownerPool.query(`
    WITH numbers AS (SELECT ARRAY(SELECT nextval('es_event_seq_seq') FROM generate_series(1, 9)) AS drawn),
      odd AS (SELECT array_agg(n ORDER BY i) AS mine FROM numbers, unnest(numbers.drawn) WITH ORDINALITY AS u (n, i) WHERE i <> 4 AND i <> 7),
      written AS (INSERT INTO es_event (seq, stream_id, version, event_id, type, schema_version, data, metadata, recorded_at_ms) OVERRIDING SYSTEM VALUE
        SELECT n, 'range-c', i, gen_random_uuid(), 'skein.test.account.deposited.v1', 1, '{"amount":"1n"}', '{}', 0 FROM odd, unnest(odd.mine) WITH ORDINALITY AS u (n, i) RETURNING seq)
    SELECT es_leave((SELECT mine FROM odd)) FROM (SELECT count(*) FROM written) w`);
  expect(await store.headPosition()).toBe(BigInt(before + 7));
  expect((await ranges()).slice(-3)).toEqual([{ position: before + 1, events: 3 }, { position: before + 4, events: 2 }, { position: before + 6, events: 2 }]);
  expect((await store.readAll(BigInt(before), 100)).map(({ version }) => version)).toEqual([1, 2, 3, 4, 5, 6, 7]);
});

test('pages of any size from any position, by type or not, are what all events are', async () => {
  const head = await store.headPosition();
  const all = await store.readAll(0n, 10_000);
  expect(all.map(({ position }) => position)).toEqual(Array.from({ length: Number(head) }, (_, index) => BigInt(index + 1)));
  await fc.assert(fc.asyncProperty(fc.bigInt({ min: 0n, max: head + 1n }), fc.integer({ min: 1, max: 120 }), fc.boolean(), async (from, limit, typed) => {
    const types = typed ? ['skein.test.account.withdrawn.v1'] : undefined;
    const wanted = all.filter(({ position, type }) => position > from && (types?.includes(type) ?? true)).slice(0, limit);
    expect(await store.readPage(from, limit, types)).toEqual({ head, events: wanted });
  }), { numRuns: 80 });
  for (const { streamId, version, position } of all) expect(await store.positionOf(streamId, version)).toBe(position);
});

test('archived events keep their positions, and a range whose events have all gone goes, too', async () => {
  for (const [streamId, at] of [['range-d', 0], ['range-e', 0], ['range-d', 2]] as const) {
    await store.append(streamId, at, many(2), metadata);
    await store.headPosition();
  }
  const [all, head, before] = [await store.readAll(0n, 10_000), await store.headPosition(), await ranges()];
  expect(await archiveStream(db.appPool, 'range-d')).toBe(3);
  expect((await ranges()).length).toBe(before.length - 1);
  expect(await archiveStream(db.appPool, 'range-a')).toBe(99);
  expect(await store.readAll(0n, 10_000)).toEqual(all);
  expect(await store.headPosition()).toBe(head);
  expect(await store.positionOf('range-d', 1)).toBe(head - 5n);
  await store.append('range-d', 4, many(1), metadata);
  expect(await store.positionOf('range-d', 5)).toBe(head + 1n);
});
