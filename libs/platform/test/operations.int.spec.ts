import { create } from '@bufbuild/protobuf';
import { ListEventsRequestSchema } from '@skein/contracts/operations';
import { eventsMigrations, EventStore, projectionSink, Subscription, type Projection } from '@skein/events';
import { eventually, freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OperationsApi } from '../src/operations/operations-api.js';

const SUBJECT = '0197a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b';
const seen: Projection = {
  name: 'seen',
  version: 1,
  tables: 'CREATE TABLE thing (id text PRIMARY KEY, times int NOT NULL);',
  apply: async (tx, { streamId }) => void (await tx.query('INSERT INTO thing VALUES ($1, 1) ON CONFLICT (id) DO UPDATE SET times = thing.times + 1', [streamId])),
};

let database: TestDatabase;
let store: EventStore;
let subscription: Subscription;
let api: OperationsApi;

beforeAll(async () => {
  database = await freshDatabase(eventsMigrations);
  store = new EventStore({ pool: database.appPool });
  api = new OperationsApi(store, [seen]);
  subscription = new Subscription({ store, sink: projectionSink(store, seen) });
  await subscription.start();
  await store.append('thing-1', 'none', [{ type: 'skein.test.thing.made.v1', data: { task: SUBJECT, secret: 'hidden row' } }], { correlationId: 'c-1', actor: 'operator' });
  const [made] = await store.readStream('thing-1');
  await store.append(`thing-${SUBJECT}`, 'none', [{ type: 'skein.test.thing.moved.v1', data: {} }], { correlationId: 'c-2', causationId: made?.eventId as string, actor: 'operator' });
  await eventually(async () => expect(await subscription.lag()).toBe(0n));
});
afterAll(async () => {
  await subscription.stop();
  await store.close();
  await database.drop();
});

const list = (filter: object) => api.listEvents(create(ListEventsRequestSchema, filter));

test('a rebuilt read model equals the live one, and the log is counted', async () => {
  const { readModels, streams, events } = await api.verifyReadModels();
  expect(readModels).toMatchObject([{ name: 'seen', version: 1, tables: 1, rows: 2n, equal: true, differingTables: [] }]);
  expect([streams, events]).toEqual([2n, 2n]);
});

test('a row that somebody changed by hand is found and its table named', async () => {
  await database.appPool.query(`UPDATE "seen".thing SET times = 7 WHERE id = 'thing-1'`);
  expect((await api.verifyReadModels()).readModels).toMatchObject([{ equal: false, differingTables: ['thing'] }]);
  await database.appPool.query(`UPDATE "seen".thing SET times = 1 WHERE id = 'thing-1'`);
  expect((await api.verifyReadModels()).readModels).toMatchObject([{ equal: true }]);
});

test('events are found by what they name, by correlation and by cause, never with their data', async () => {
  const bySubject = (await list({ subject: SUBJECT })).events ?? [];
  expect(bySubject.map(({ type }) => type)).toEqual(['skein.test.thing.made.v1', 'skein.test.thing.moved.v1']);
  expect(JSON.stringify(bySubject, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value))).not.toContain('hidden row');
  expect((await list({ correlationId: 'c-2' })).events).toMatchObject([{ streamId: `thing-${SUBJECT}`, causationId: bySubject[0]?.eventId }]);
  expect((await list({ causationIds: [bySubject[0]?.eventId] })).events).toMatchObject([{ type: 'skein.test.thing.moved.v1' }]);
  expect((await list({ subject: SUBJECT, pageSize: 1 })).events).toHaveLength(1);
});

test('pages go on where the one before ended', async () => {
  const types: (string | undefined)[] = [];
  for (let pageToken: string | undefined = ''; pageToken !== undefined;) {
    const page = await list({ subject: SUBJECT, pageSize: 1, pageToken });
    types.push(...(page.events ?? []).map(({ type }) => type));
    pageToken = page.nextPageToken === '' ? undefined : page.nextPageToken;
  }
  expect(types).toEqual(['skein.test.thing.made.v1', 'skein.test.thing.moved.v1']);
  await expect(list({ subject: SUBJECT, pageToken: 'x' })).rejects.toMatchObject({ rejection: { rule: 'page-token' } });
});

test('without a filter nothing is listed', async () => {
  await expect(list({})).rejects.toMatchObject({ rejection: { rule: 'filter-required', field: 'subject' } });
});
