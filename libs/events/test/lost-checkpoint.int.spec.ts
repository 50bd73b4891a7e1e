import { eventually, freshDatabase, type TestDatabase } from '@skein/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventsMigrations, EventStore, projectionSink, Subscription } from '../src/index.js';
import { deposited, metadata } from './account.js';
import { balances } from './balances.js';

let db: TestDatabase;
let store: EventStore;
beforeEach(async () => {
  db = await freshDatabase(eventsMigrations);
  store = new EventStore({ pool: db.appPool, onError: () => undefined });
});
afterEach(async () => {
  await store.close();
  await db.drop();
});

const balanceRows = async (): Promise<unknown[]> => (await db.appPool.query('SELECT account, units, movements FROM balances.balance')).rows;

// Checkpoint and rows do not wait for the disk. What a killed server loses of them is the end of its log, both or neither; the
// process that wrote them goes on and remembers more than there is. The test plays the server: it takes them back and cuts
// every connection. No lease, poll or event comes to help: they would be 10 minutes away.
test('a projection whose last rows a killed server has lost is brought up again without waiting for another event', async () => {
  const subscription = new Subscription({ store, sink: projectionSink(store, balances()), leaseMs: 600_000, pollMs: 600_000, onError: () => undefined });
  await subscription.start();
  await store.append('account-a', 'none', [deposited(5n), deposited(2n)], metadata);
  await eventually(async () => expect(await balanceRows()).toEqual([{ account: 'account-a', units: '7', movements: 2 }]));
  await db.appPool.query(`BEGIN; TRUNCATE balances.balance, balances.movement; UPDATE es_subscription SET position = 0 WHERE name = 'balances'; COMMIT`);
  await db.appPool.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid()`);
  await eventually(async () => expect(await balanceRows()).toEqual([{ account: 'account-a', units: '7', movements: 2 }]));
  expect(await subscription.lag()).toBe(0n);
  await subscription.stop();
});

test('lag counts what is committed and has no position yet', async () => {
  const subscription = new Subscription({ store, sink: projectionSink(store, balances()) });
  const sequencer = await db.ownerPool.connect();
  await sequencer.query('SELECT pg_advisory_lock(20250, 1)');
  await store.append('account-a', 'none', [deposited(5n), deposited(2n)], metadata);
  expect(await subscription.lag()).toBe(2n);
  await sequencer.query('SELECT pg_advisory_unlock(20250, 1)');
  sequencer.release();
  await subscription.catchUp();
  expect(await subscription.lag()).toBe(0n);
});
