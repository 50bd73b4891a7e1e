import { freshDatabase, type TestDatabase } from '@skein/testing';
import type { Pool } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { archiveStream, eventsMigrations, EventStore } from '../src/index.js';
import { load } from '../src/load.js';
import { deposited, metadata } from './account.js';

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

const stream = async (streamId: string, events: number): Promise<void> => {
  for (let n = 1; n <= events; n += 1) await store.append(streamId, 'any', [deposited(BigInt(n))], metadata);
};
const amounts = ({ tail }: { tail: { data: unknown }[] }): unknown[] => tail.map(({ data }) => (data as { amount: string }).amount);
const upTo = (events: number, after = 0): string[] => Array.from({ length: events - after }, (_, at) => `${after + at + 1}n`);

test.each([
  [0, 0, 3], [2, 0, 3], [3, 0, 3], [7, 0, 3], [9, 0, 3], [9, 4, 3], [9, 9, 3],
])('a stream of %i events after version %i is loaded by pages of %i, whole and in order', async (events, after, page) => {
  const streamId = `account-${events}-${after}`;
  await stream(streamId, events);
  const loaded = await load(db.appPool, streamId, after, undefined, undefined, page);
  expect(amounts(loaded)).toEqual(upTo(events, after));
  expect(loaded.version).toBe(events);
});

test('a stream that is archived and goes on between two pages is whole, too', async () => {
  await stream('account-moving', 8);
  await store.headPosition();
  let queries = 0;
  const between = new Proxy(db.appPool, {
    get: (pool, name) => {
      if (name !== 'query') return Reflect.get(pool, name, pool) as unknown;
      return async (query: Parameters<Pool['query']>[0]) => {
        if ((queries += 1) === 2) {
          await archiveStream(db.appPool, 'account-moving');
          await store.append('account-moving', 'any', [deposited(9n)], metadata);
        }
        return pool.query(query);
      };
    },
  });
  const loaded = await load(between, 'account-moving', 0, undefined, undefined, 3);
  expect(queries).toBeGreaterThan(2);
  expect(amounts(loaded)).toEqual(upTo(9));
  expect(loaded.version).toBe(9);
});
