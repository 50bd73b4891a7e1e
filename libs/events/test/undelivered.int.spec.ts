import { freshDatabase, type TestDatabase } from '@skein/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventsMigrations, EventStore, projectionSink, Subscription } from '../src/index.js';
import { deposited, metadata } from './account.js';
import { balances } from './balances.js';

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

const RARE = 'skein.test.withdrawn.v1';
const undelivered = async (type: string): Promise<boolean> =>
  (await db.appPool.query<{ behind: boolean }>('SELECT es_undelivered($1, ARRAY[$2]) AS behind', [balances().name, type])).rows[0]!.behind;

test('what a subscription was not given yet is known by type, before it has a position and after', async () => {
  const subscription = new Subscription({ store, sink: projectionSink(store, balances()) });
  expect(await undelivered(deposited(1n).type)).toBe(false);
  await store.append('account-1', 'none', [deposited(1n), deposited(2n)], metadata);
  expect([await undelivered(deposited(1n).type), await undelivered(RARE)]).toEqual([true, false]);
  await store.headPosition();
  expect([await undelivered(deposited(1n).type), await undelivered(RARE)]).toEqual([true, false]);
  await subscription.catchUp();
  expect(await undelivered(deposited(1n).type)).toBe(false);
  await store.append('account-1', 2, [deposited(3n)], metadata);
  expect(await undelivered(deposited(1n).type)).toBe(true);
  await subscription.catchUp();
  expect(await undelivered(deposited(1n).type)).toBe(false);
});

test('asking reads what is behind the checkpoint, not the log', async () => {
  const many = Array.from({ length: 250 }, () => deposited(1n));
  for (let stream = 0; stream < 40; stream += 1) await store.append(`account-of-many-${stream}`, 'none', many, metadata);
  await new Subscription({ store, sink: projectionSink(store, balances()) }).catchUp();
  await db.ownerPool.query('ANALYZE es_event, es_position, es_unsequenced');
  // Of its own: what a connection did before counts until it is flushed.
  const client = new pg.Client({ connectionString: db.appUrl });
  await client.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT es_undelivered($1, ARRAY[$2])', [balances().name, RARE]);
    const { rows } = await client.query(`SELECT seq_scan::int, idx_tup_fetch::int AS fetched FROM pg_stat_xact_user_tables WHERE relname = 'es_event'`);
    expect(rows).toEqual([{ seq_scan: 0, fetched: 0 }]);
    await client.query('ROLLBACK');
  } finally {
    await client.end();
  }
});
