import { freshDatabase, spawnTs, type TestDatabase } from '@skein/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventsMigrations, EventStore } from '../src/index.js';
import { follow, followNaively, outOfOrder, STREAMS, TORTURE_FACTOR } from './torture.js';

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

const child = (what: string) => spawnTs(new URL('./torture-child.ts', import.meta.url), [db.appUrl, what]);
const answerOf = async ({ line }: ReturnType<typeof child>): Promise<Record<string, number>> => JSON.parse(await line((text) => text.startsWith('{'))) as Record<string, number>;

test('8 writers in 2 processes, 5 streams, inbox row first, idle transactions left open: nothing lost, nothing out of order; naive cursors fail', async () => {
  const idle = poolOf(3);
  const idlers = await Promise.all([0, 1, 2].map(() => idle.connect()));
  for (const [at, client] of idlers.entries()) {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await client.query('INSERT INTO es_inbox (consumer, message_id) VALUES ($1, $2)', ['idle', String(at)]);
  }
  const far = child('read');
  await far.line((line) => line === 'reading');
  let writing = true;
  const near = new EventStore({ pool: poolOf(4) });
  const reader = follow(near, () => !writing);
  const byInsertion = followNaively(poolOf(1), 'insertion', () => !writing);
  const written = (await Promise.all([child('0'), child('1')].map(answerOf))).reduce((sum, answer) => sum + (answer['written'] ?? 0), 0);
  expect(written).toBeGreaterThan(3_000);
  await db.appPool.query(`INSERT INTO es_inbox (consumer, message_id) VALUES ('torture', 'done')`);
  writing = false;

  expect(await answerOf(far)).toEqual({ seen: written, gaps: 0, outOfOrder: 0 });
  const seen = await reader;
  expect(seen.map(({ position }) => position)).toEqual(Array.from({ length: written }, (_, index) => BigInt(index + 1)));
  expect(outOfOrder(seen)).toBe(0);
  expect(new Set(seen.map(({ streamId }) => streamId)).size).toBe(STREAMS);

  // The same load would have shown a store that orders by insertion, or by transaction.
  expect((await byInsertion).length).toBeLessThan(written);
  const past = Number((await db.appPool.query(`SELECT count(*) FROM es_event WHERE xmin::text::bigint < pg_snapshot_xmin(pg_current_snapshot())::text::bigint`)).rows[0]?.count);
  expect(past).toBe(0);
  for (const client of idlers) {
    await client.query('ROLLBACK');
    client.release();
  }
  // Transactions are numbered for the whole server: those of other databases hold the cursor back, too.
  const inTransactions = await followNaively(poolOf(1), 'transaction', (seen) => seen >= written);
  expect(inTransactions).toHaveLength(written);
  expect(outOfOrder(inTransactions)).toBeGreaterThan(0);
  process.stdout.write(`torture: ${written} events; by insertion ${written - (await byInsertion).length} lost; by transaction ${outOfOrder(inTransactions)} out of order\n`);
}, 300_000 * TORTURE_FACTOR);
