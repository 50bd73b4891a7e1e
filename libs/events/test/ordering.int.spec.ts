import { freshDatabase, type TestDatabase } from '@skein/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventsMigrations, EventStore, type RecordedEvent } from '../src/index.js';
import { metadata } from './account.js';

const WRITERS = 8;
const STREAMS = 5;
const APPENDS_PER_WRITER = 250;

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

/** A writer of the hostile kind: its transaction writes something else first and dawdles before it commits. */
async function write(writer: number, store: EventStore): Promise<number> {
  let written = 0;
  for (let n = 0; n < APPENDS_PER_WRITER; n += 1) {
    const client = await store.pool.connect();
    const streamId = `torture-${(writer * 7 + n * 3) % STREAMS}`;
    const count = 1 + (n % 3);
    await client.query('BEGIN');
    await client.query('INSERT INTO es_inbox (consumer, message_id) VALUES ($1, $2)', [`writer-${writer}`, String(n)]);
    if (n % 5 === writer % 5) await client.query('SELECT pg_sleep(0.002)');
    await client.query(
      `SELECT * FROM es_append($1, -1, ARRAY(SELECT gen_random_uuid() FROM generate_series(1, $2)), array_fill('skein.test.torture.v1'::text, ARRAY[$2]),
         array_fill(1, ARRAY[$2]), array_fill('{}'::text, ARRAY[$2]), $3, NULL, NULL, NULL, NULL)`,
      [streamId, count, JSON.stringify(metadata)],
    );
    if (n % 4 === 0) await client.query('SELECT pg_sleep(0.001)');
    // Every seventh transaction is given up: its insertion numbers stay unused.
    const kept = n % 7 !== 3;
    await client.query(kept ? 'COMMIT' : 'ROLLBACK');
    client.release();
    if (kept) written += count;
    store.sequencer.wake();
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

test('8 writers, 5 streams, inbox row first, idle transactions left open: nothing lost, nothing out of order', async () => {
  const idle = poolOf(3);
  const idlers = await Promise.all([0, 1, 2].map(() => idle.connect()));
  for (const [at, client] of idlers.entries()) {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await client.query('INSERT INTO es_inbox (consumer, message_id) VALUES ($1, $2)', ['idle', String(at)]);
  }
  const stores = Array.from({ length: WRITERS }, () => new EventStore({ pool: poolOf(2) }));
  const reader = new EventStore({ pool: poolOf(2) });
  let writing = true;
  const readers = [follow(reader, () => !writing), follow(reader, () => !writing)];
  const written = (await Promise.all(stores.map((store, writer) => write(writer, store)))).reduce((sum, count) => sum + count, 0);
  await Promise.all(stores.map((store) => store.close()));
  writing = false;
  for (const seen of await Promise.all(readers)) {
    expect(seen).toHaveLength(written);
    expect(seen.map((event) => event.position)).toEqual(Array.from({ length: written }, (_, index) => BigInt(index + 1)));
    const versions = new Map<string, number>();
    const outOfOrder = seen.filter((event) => {
      const before = versions.get(event.streamId) ?? 0;
      versions.set(event.streamId, event.version);
      return event.version !== before + 1;
    });
    expect(outOfOrder).toEqual([]);
    expect(versions.size).toBe(STREAMS);
  }
  for (const client of idlers) {
    await client.query('ROLLBACK');
    client.release();
  }
});
