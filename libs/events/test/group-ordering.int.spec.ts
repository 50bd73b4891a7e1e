import { freshDatabase, type TestDatabase } from '@skein/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventsMigrations, EventStore, type RecordedEvent } from '../src/index.js';
import { metadata } from './account.js';
import { TORTURE_FACTOR } from './torture.js';

const WRITERS = 4;
const STREAMS = 7;
const WAVES = 12 * TORTURE_FACTOR;
const APPENDS_PER_WAVE = 24;

let db: TestDatabase;
const pools: pg.Pool[] = [];
const poolOf = (max: number): pg.Pool => {
  const pool = new pg.Pool({ connectionString: db.appUrl, max });
  pool.on('error', () => undefined);
  pools.push(pool);
  return pool;
};
beforeAll(async () => {
  db = await freshDatabase(eventsMigrations);
});
afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.end()));
  await db.drop();
});

/** Waves of appends at once over streams that all writers share, so that groups meet each other's locks all the time. */
async function write(writer: number, store: EventStore): Promise<number> {
  let written = 0;
  for (let wave = 0; wave < WAVES; wave += 1) {
    const appends = Array.from({ length: APPENDS_PER_WAVE }, async (_, n) => {
      const count = 1 + ((wave + n) % 3);
      const events = Array.from({ length: count }, (_event, index) => ({ type: 'skein.test.torture.v1', data: { writer, wave, n, index } }));
      const { version } = await store.append(`group-torture-${(writer * 3 + n * 5 + wave) % STREAMS}`, 'any', events, metadata);
      expect(version).toBeGreaterThanOrEqual(count);
      written += count;
    });
    await Promise.all(appends);
  }
  return written;
}

/** Reads as a subscription does, from the last position it saw, while the writers write. */
async function follow(store: EventStore, done: () => boolean): Promise<RecordedEvent[]> {
  const seen: RecordedEvent[] = [];
  for (;;) {
    const last = done();
    if (last) await store.headPosition();
    const events = await store.readAll(seen.at(-1)?.position ?? 0n, 64);
    seen.push(...events);
    if (last && events.length === 0) return seen;
  }
}

test('groups of four writers over shared streams: nothing lost, nothing twice, nothing out of order, appends stay whole', async () => {
  const stores = Array.from({ length: WRITERS }, () => new EventStore({ pool: poolOf(4) }));
  let writing = true;
  const following = follow(new EventStore({ pool: poolOf(2) }), () => !writing);
  const written = (await Promise.all(stores.map((store, writer) => write(writer, store)))).reduce((sum, count) => sum + count, 0);
  await Promise.all(stores.map((store) => store.close()));
  writing = false;
  const seen = await following;
  expect(seen).toHaveLength(written);
  expect(seen.map((event) => event.position)).toEqual(Array.from({ length: written }, (_, index) => BigInt(index + 1)));
  expect(new Set(seen.map((event) => event.eventId)).size).toBe(written);
  const before = new Map<string, RecordedEvent>();
  for (const event of seen) {
    const previous = before.get(event.streamId);
    expect(event.version).toBe((previous?.version ?? 0) + 1);
    const { index, ...append } = event.data as { index: number };
    // The events of one append stand next to each other in their stream.
    if (index > 0) expect(previous?.data).toEqual({ ...append, index: index - 1 });
    before.set(event.streamId, event);
  }
  expect(before.size).toBe(STREAMS);
});
