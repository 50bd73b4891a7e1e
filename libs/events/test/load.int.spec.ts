import { freshDatabase, type TestDatabase } from '@skein/testing';
import type { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
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
async function loaded(pool: Pool, streamId: string, version: number, pageEvents: number): Promise<{ version: number; nowMs: number; pages: unknown[][] }> {
  const pages: unknown[][] = [];
  const { version: last, nowMs } = await load(pool, { streamId, version, pageEvents }, (page) => void pages.push(page.map(({ data }) => (data as { amount: string }).amount)));
  return { version: last, nowMs, pages };
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

/** The pool, with something done before its n-th query. */
function beforeQuery(nth: number, work: () => Promise<void>): { pool: Pool; queries: () => number } {
  let queries = 0;
  const pool = new Proxy(db.appPool, {
    get: (own, name) => {
      if (name !== 'query') return Reflect.get(own, name, own) as unknown;
      return async (query: Parameters<Pool['query']>[0]) => {
        if ((queries += 1) === nth) await work();
        return own.query(query);
      };
    },
  });
  return { pool, queries: () => queries };
}

test('a stream that is archived and goes on between two pages is whole, too', async () => {
  await stream('account-moving', 8);
  await store.headPosition();
  const { pool, queries } = beforeQuery(2, async () => {
    await archiveStream(db.appPool, 'account-moving');
    await store.append('account-moving', 'any', [deposited(9n)], metadata);
  });
  const { version, pages } = await loaded(pool, 'account-moving', 0, 3);
  expect(queries()).toBeGreaterThan(2);
  expect(pages.flat()).toEqual(upTo(9));
  expect(version).toBe(9);
});

describe('the clock that is decided by', () => {
  const AHEAD_MS = 500_000;
  const setClock = async (aheadMs: number): Promise<void> =>
    void (await db.ownerPool.query(`CREATE OR REPLACE FUNCTION es_now_ms() RETURNS bigint LANGUAGE sql VOLATILE RETURN floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint + ${aheadMs}`));
  const presentMs = async (): Promise<number> => Number((await db.appPool.query<{ now_ms: string }>('SELECT es_now_ms() AS now_ms')).rows[0]?.now_ms);
  afterEach(() => setClock(0));

  /** How far ahead of now what a load decides by is, where that much time passes before its last query. */
  async function aheadMs(streamId: string, pageEvents: number, lastQuery: number): Promise<number> {
    const startMs = await presentMs();
    const { pool, queries } = beforeQuery(lastQuery, () => setClock(AHEAD_MS));
    const { nowMs } = await loaded(pool, streamId, 0, pageEvents);
    expect(queries()).toBe(lastQuery);
    return nowMs - startMs;
  }

  test('is that of the last page, however long the ones before it took', async () => {
    await stream('account-long', 7);
    expect(await aheadMs('account-long', 3, 3)).toBeGreaterThanOrEqual(AHEAD_MS);
  });

  test('is that of the last page of the archive, where nothing is read after it', async () => {
    await stream('account-kept', 8);
    await store.headPosition();
    await archiveStream(db.appPool, 'account-kept');
    expect(await aheadMs('account-kept', 4, 3)).toBeGreaterThanOrEqual(AHEAD_MS);
  });
});
