import { EventStore, eventsMigrations } from '@skein/events';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventsFrom } from './positions-feed.js';

const TYPES = ['skein.staking.position.changed.v1'];
let database: TestDatabase;
let store: EventStore;
beforeEach(async () => {
  database = await freshDatabase(eventsMigrations);
  store = new EventStore({ pool: database.appPool });
});
afterEach(async () => {
  await store.close();
  await database.drop();
});

async function append(count: number, type = TYPES[0]!): Promise<void> {
  const events = Array.from({ length: count }, (_, at) => ({ type, data: { at } }));
  for (let at = 0; at < count; at += 200) await store.append('position-x', 'any', events.slice(at, at + 200), { correlationId: 'c', actor: 'test' });
  await store.headPosition();
}

test('a reader that is slow holds one page, gets everything once and in order, and hears what comes later', async () => {
  await append(600);
  let pages = 0;
  const readPage = store.readPage.bind(store);
  store.readPage = (...args) => ((pages += 1), readPage(...args));
  const stop = new AbortController();
  const seen: bigint[] = [];
  for await (const { position } of eventsFrom(store, TYPES, 0n, stop.signal)) {
    seen.push(position);
    if (seen.length === 1) expect(pages).toBe(1);
    if (seen.length === 600) await append(3);
    if (seen.length === 603) break;
  }
  expect(seen).toEqual(Array.from({ length: 603 }, (_, at) => BigInt(at + 1)));
  const rest: bigint[] = [];
  for await (const { position } of eventsFrom(store, TYPES, 600n, stop.signal)) if (rest.push(position) === 3) break;
  expect(rest).toEqual([601n, 602n, 603n]);
});

test('events of other types are passed over, and a caller that goes away ends it while it waits', async () => {
  await append(2, 'skein.staking.cursor.moved.v1');
  await append(1);
  const stop = new AbortController();
  const seen: bigint[] = [];
  const reading = (async () => {
    for await (const { position } of eventsFrom(store, TYPES, 0n, stop.signal)) {
      seen.push(position);
      queueMicrotask(() => stop.abort());
    }
  })();
  await reading;
  expect(seen).toEqual([3n]);
  for await (const _ of eventsFrom(store, TYPES, 0n, stop.signal)) expect.unreachable();
});
