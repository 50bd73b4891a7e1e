import { RejectionError } from '@skein/kernel';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventsMigrations, EventStore, type Expected } from '../src/index.js';
import { account, deposited, metadata, withdrawn } from './account.js';

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

async function rejectionOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(() => 'accepted', (error: unknown) => (error instanceof RejectionError ? error.rejection : error));
}

describe('expected versions', () => {
  const cases: [Expected, number, boolean][] = [
    ['any', 0, true], ['any', 2, true],
    ['none', 0, true], ['none', 2, false],
    ['exists', 0, false], ['exists', 2, true],
    [0, 0, true], [2, 2, true], [1, 2, false], [3, 2, false],
  ];
  test.each(cases)('%s on a stream at version %i: accepted %s', async (expected, at, accepted) => {
    const streamId = `account-expected-${String(expected)}-${at}`;
    if (at > 0) await store.append(streamId, 'none', [deposited(1n), deposited(2n)], metadata);
    const outcome = rejectionOf(store.append(streamId, expected, [deposited(3n)], metadata));
    if (accepted) expect(await outcome).toBe('accepted');
    else expect(await outcome).toMatchObject({ code: 'conflict', rule: 'expected-version', message: expect.stringContaining(`at version ${at}`) });
    expect((await store.readStream(streamId)).map((event) => event.version)).toEqual(Array.from({ length: at + (accepted ? 1 : 0) }, (_, index) => index + 1));
  });
});

describe('limits', () => {
  test('256 events are written, 257 are refused', async () => {
    const many = Array.from({ length: 257 }, () => deposited(1n));
    expect(await rejectionOf(store.append('account-many', 'any', many, metadata))).toMatchObject({ rule: 'too-many-events' });
    expect(await store.append('account-many', 'none', many.slice(1), metadata)).toEqual({ streamId: 'account-many', version: 256 });
  });

  test('64 KiB are written, a byte more is refused, also by the database itself', async () => {
    const big = (size: number) => ({ type: 'skein.test.big.v1', data: { text: 'x'.repeat(size - '{"text":""}'.length) } });
    await store.append('big-1', 'none', [big(65_536)], metadata);
    expect(await rejectionOf(store.append('big-1', 'any', [big(65_537)], metadata))).toMatchObject({ rule: 'event-too-large' });
    const direct = db.appPool.query(`INSERT INTO es_event (stream_id, version, event_id, type, schema_version, data, metadata, recorded_at_ms)
      VALUES ('big-2', 1, gen_random_uuid(), 't', 1, to_json(repeat('x', 65536)), '{}', 0)`);
    await expect(direct).rejects.toThrow('es_event_size');
  });
});

test('data, metadata and times come back as they were', async () => {
  const event = { type: 'skein.test.any.v1', data: { units: 10n ** 27n, text: '12n', zero: 0, nested: [{ a: null, b: -0.1 }], nul: 'a\u0000b' } };
  const full = { correlationId: 'c', causationId: 'x', actor: 'eip155:1:0xabc', tenant: 't', traceparent: '00-1-2-01', idempotencyKey: 'k' };
  await store.append('any-1', 'none', [event], full);
  const [read] = await store.readStream('any-1');
  expect(read).toMatchObject({ data: event.data, metadata: full, version: 1, schemaVersion: 1 });
  expect(read?.recordedAtMs).toBeGreaterThan(1_700_000_000_000);
  expect(await store.positionOf('any-1', 1)).toBeGreaterThan(0n);
});

test('the app role can neither change nor remove events or positions', async () => {
  await store.append('account-immutable', 'none', [deposited(1n)], metadata);
  for (const text of [`UPDATE es_event SET type = 'x'`, 'DELETE FROM es_event', 'TRUNCATE es_event', 'UPDATE es_position SET position = 0', 'DELETE FROM es_position', 'DROP TABLE es_event', 'ALTER TABLE es_event DISABLE TRIGGER ALL'])
    await expect(db.appPool.query(text)).rejects.toThrow(/permission denied|must be owner/);
});

test('readAll is gapless, filtered by type, and pages', async () => {
  await store.append('account-read', 'any', [deposited(1n), withdrawn(1n), deposited(2n)], metadata);
  const head = await store.headPosition();
  const all = await store.readAll(0n, 10_000);
  expect(all.map((event) => event.position)).toEqual(Array.from({ length: Number(head) }, (_, index) => BigInt(index + 1)));
  const some = await store.readAll(0n, 10_000, ['skein.test.account.withdrawn.v1']);
  expect(some.length).toBeGreaterThan(0);
  expect(some).toEqual(all.filter((event) => event.type === 'skein.test.account.withdrawn.v1'));
  expect(await store.readPage(head - 1n, 5)).toMatchObject({ head, events: [{ position: head }] });
  expect(await store.readPage(head, 5)).toEqual({ head, events: [] });
});

test('an append repeated with its command id writes nothing and answers the same', async () => {
  const append = () => store.append('account-repeated', 'none', [deposited(1n), deposited(2n)], metadata, 'command-1');
  expect(await append()).toEqual(await append());
  const ids = (await store.readStream('account-repeated')).map((event) => event.eventId);
  expect(ids).toHaveLength(2);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab]/);
});

test('upcasters lift old data and newer data than known is refused', async () => {
  await store.append('old-1', 'none', [{ type: 'skein.test.old.v1', data: { cents: 150 } }], metadata);
  const lifted = new EventStore({ pool: db.appPool, upcasters: { 'skein.test.old.v1': [(data) => ({ units: BigInt((data as { cents: number }).cents) })] } });
  expect((await lifted.readStream('old-1'))[0]).toMatchObject({ schemaVersion: 2, data: { units: 150n } });
  await lifted.append('old-1', 1, [{ type: 'skein.test.old.v1', data: { units: 7n } }], metadata);
  expect((await lifted.readStream('old-1'))[1]?.data).toEqual({ units: 7n });
  await expect(store.readStream('old-1')).rejects.toThrow('newer than this program knows');
  await lifted.close();
});

test('state folds a stream and follows it', async () => {
  await store.append('account-state', 'none', [deposited(5n)], metadata);
  expect(await store.state(account, 'account-state')).toEqual({ state: { balance: 5n }, version: 1 });
  await store.append('account-state', 1, [withdrawn(2n)], metadata);
  expect(await store.state(account, 'account-state')).toEqual({ state: { balance: 3n }, version: 2 });
  expect(await store.state(account, 'account-nobody')).toEqual({ state: { balance: 0n }, version: 0 });
});
