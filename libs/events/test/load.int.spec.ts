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
/** Loads by pages and notes what came, page by page. */
async function loaded(pool: Pool, streamId: string, version: number, pageEvents: number): Promise<{ version: number; pages: unknown[][] }> {
  const pages: unknown[][] = [];
  const { version: last } = await load(pool, { streamId, version, pageEvents }, (page) => void pages.push(page.map(({ data }) => (data as { amount: string }).amount)));
  return { version: last, pages };
}
const upTo = (events: number, after = 0): string[] => Array.from({ length: events - after }, (_, at) => `${after + at + 1}n`);

test.each([
  [0, 0, 3], [2, 0, 3], [3, 0, 3], [7, 0, 3], [9, 0, 3], [9, 4, 3], [9, 9, 3],
])('a stream of %i events after version %i is loaded by pages of %i, whole and in order', async (events, after, page) => {
  const streamId = `account-${events}-${after}`;
  await stream(streamId, events);
  const { version, pages } = await loaded(db.appPool, streamId, after, page);
  expect(pages.flat()).toEqual(upTo(events, after));
  expect(version).toBe(events);
  expect(Math.max(...pages.map(({ length }) => length))).toBeLessThanOrEqual(page);
});

test('what lies in the archive comes by pages, too', async () => {
  await stream('account-old', 8);
  await store.headPosition();
  expect(await archiveStream(db.appPool, 'account-old')).toBe(7);
  const { version, pages } = await loaded(db.appPool, 'account-old', 1, 3);
  expect(pages).toEqual([['2n', '3n', '4n'], ['5n', '6n', '7n'], ['8n']]);
  expect(version).toBe(8);
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
  const { version, pages } = await loaded(between, 'account-moving', 0, 3);
  expect(queries).toBeGreaterThan(2);
  expect(pages.flat()).toEqual(upTo(9));
  expect(version).toBe(9);
});
