import { randomUUID } from 'node:crypto';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventsMigrations, EventStore } from '../src/index.js';
import { Lease } from '../src/lease.js';
import { Polls, Together, untilNextPoll } from '../src/polls.js';
import { deposited, metadata } from './account.js';

let db: TestDatabase;
let pool: pg.Pool;
let asked = 0;
beforeAll(async () => {
  db = await freshDatabase(eventsMigrations);
  pool = new pg.Pool({ connectionString: db.appUrl, max: 4 });
  const query = pool.query.bind(pool) as (...args: unknown[]) => unknown;
  pool.query = ((...args: unknown[]) => {
    asked += 1;
    return query(...args);
  }) as typeof pool.query;
});
afterAll(async () => {
  await pool.end();
  await db.drop();
});

test('questions that come together are one, each gets its answer, and a failure is everybody’s', async () => {
  const seen: (readonly number[])[] = [];
  const doubled = new Together<number, number>((keys) => {
    seen.push(keys);
    return keys.includes(13) ? Promise.reject(new Error('unlucky')) : Promise.resolve(keys.map((key) => key * 2));
  });
  expect(await Promise.all([1, 2, 3].map((key) => doubled.ask(key)))).toEqual([2, 4, 6]);
  expect(await Promise.allSettled([4, 13].map((key) => doubled.ask(key)))).toMatchObject([{ status: 'rejected' }, { status: 'rejected' }]);
  expect(await doubled.ask(5)).toBe(10);
  expect(seen).toEqual([[1, 2, 3], [4, 13], [5]]);
});

test('the next poll comes after a quarter of the period and before five', () => {
  for (const everyMs of [1, 40, 1_500, 4_000]) {
    expect(untilNextPoll(everyMs)).toBeGreaterThanOrEqual(everyMs / 4);
    expect(untilNextPoll(everyMs)).toBeLessThanOrEqual(everyMs * 1.25);
  }
});

test('many subscriptions ask for head and vacancies in one statement each', async () => {
  const store = new EventStore({ pool });
  await store.append('account-1', 'none', [deposited(1n), deposited(2n)], metadata);
  await store.headPosition();
  const owned = new Lease(pool, 'taken', 60_000);
  expect(await owned.acquire()).toBe(true);
  asked = 0;
  const polls = Polls.of(pool);
  expect(await Promise.all([polls.head(), polls.head(), polls.head()])).toEqual([2n, 2n, 2n]);
  const other = new Lease(pool, 'taken', 60_000);
  expect(await Promise.all([other.vacant(), polls.vacant({ name: 'nobody', owner: randomUUID() })])).toEqual([false, true]);
  expect(asked).toBe(2);
  // What it has lost sight of may still be its own: nobody has to wait for that.
  owned.lose();
  expect(await owned.vacant()).toBe(true);
  expect(await owned.acquire()).toBe(true);
  await owned.release();
  expect(await other.vacant()).toBe(true);
  await store.close();
});

test('leases are renewed together; a row that somebody has locked holds no other up, a foreign one stays as it is', async () => {
  const owners = { free: randomUUID(), locked: randomUUID(), foreign: randomUUID() };
  for (const [name, owner] of Object.entries(owners))
    await db.appPool.query(`INSERT INTO es_subscription (name, lease_owner, leased_until) VALUES ($1, $2, clock_timestamp() + interval '1 s')`, [`renew-${name}`, owner]);
  const holder = await db.appPool.connect();
  await holder.query(`BEGIN; UPDATE es_subscription SET position = 1 WHERE name = 'renew-locked'`);
  const renewal = (name: keyof typeof owners, owner = owners[name]) => Polls.of(pool).renew({ name: `renew-${name}`, owner, leaseMs: 600_000, session: undefined });
  asked = 0;
  expect(await Promise.all([renewal('free'), renewal('locked'), renewal('foreign', randomUUID())])).toEqual([true, false, false]);
  expect(asked).toBe(1);
  await holder.query('COMMIT');
  holder.release();
  const { rows } = await db.appPool.query<{ name: string }>(`SELECT name FROM es_subscription WHERE leased_until > clock_timestamp() + interval '100 s' AND name LIKE 'renew-%'`);
  expect(rows).toEqual([{ name: 'renew-free' }]);
  expect(await renewal('locked')).toBe(true);
});
