import { freshDatabase, spawnTs, type TestDatabase } from '@skein/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { compareProjection, countLog, eventsMigrations, EventStore, findEvents, Housekeeper, projectionSink, Subscription } from '../src/index.js';
import { account, deposited, metadata } from './account.js';
import { CLOSED } from './archived.js';
import { balances } from './balances.js';

const STREAMS = ['account-long', 'account-a', 'account-b', 'account-open'];
const SHORT = STREAMS.slice(1);
let db: TestDatabase;
let store: EventStore;
beforeEach(async () => {
  db = await freshDatabase(eventsMigrations);
  store = new EventStore({ pool: db.appPool });
});
afterEach(async () => {
  await store.close();
  await db.drop();
});

/** A closed stream that takes three calls to archive, two short ones, and one that is open; all of them old. */
async function fill(): Promise<void> {
  for (let n = 0; n < 12; n += 1) await store.append('account-long', 'any', Array.from({ length: 200 }, () => deposited(1n)), metadata);
  for (const stream of SHORT) await store.append(stream, 'none', [deposited(2n), deposited(3n)], metadata);
  for (const stream of STREAMS.slice(0, -1)) await store.append(stream, 'exists', [{ type: CLOSED, data: { amount: 0n } }], metadata);
  await store.headPosition();
  await db.ownerPool.query('UPDATE es_event SET recorded_at_ms = recorded_at_ms - 31 * 86400000::bigint');
}

/** One key that nobody can ask for any more: without one nothing is removed, and the step of removing is not met. */
const expireKey = async (key: string): Promise<unknown> =>
  db.ownerPool.query(`INSERT INTO es_idempotency (scope, key, request_hash, stream_id, version, recorded_at_ms, expires_at) VALUES ('old', $1, '', 'account-a', 1, 0, clock_timestamp() - interval '1 day')`, [key]);

/** What readers can ask for, by stores that remember nothing. */
async function everything(): Promise<unknown> {
  const cold = new EventStore({ pool: db.appPool });
  return {
    log: await cold.readAll(0n, 5_000),
    streams: await Promise.all(STREAMS.map((stream) => cold.readStream(stream))),
    tails: await Promise.all(SHORT.map((stream) => cold.readStream(stream, 2))),
    states: await Promise.all(STREAMS.map((stream) => cold.state(account, stream))),
    found: await findEvents(db.appPool, { correlationId: metadata.correlationId, limit: 5_000 }),
    counted: await countLog(db.appPool),
    head: await cold.headPosition(),
  };
}

const places = async (): Promise<number[]> => {
  const { rows } = await db.ownerPool.query<{ hot: number; cold: number }>('SELECT (SELECT count(*)::int FROM es_event) AS hot, (SELECT count(*)::int FROM es_event_archive) AS cold');
  return [rows[0]!.hot, rows[0]!.cold];
};

test('kill -9 between any two steps of archiving: each event is in one place, every reader sees what it saw, and the next pass ends it', async () => {
  await fill();
  await expireKey('before the kills');
  await new Subscription({ store, sink: projectionSink(store, balances()) }).catchUp();
  const before = await everything();
  const child = (...args: string[]) => spawnTs(new URL('./archive-child.ts', import.meta.url), [db.appUrl, ...args]);
  const total = 2_401 + 3 + 3 + 2;
  // Within the long stream, at its end, between streams, before and after the checkpoint of the walk.
  for (const [step, at, archived] of [['housekeeping.removed', 1, 0], ['archive.moved', 1, 1_000], ['archive.moved', 1, 2_000], ['archive.moved', 2, 2_402], ['archive.moved', 1, 2_404], ['archive.advanced', 1, 2_404]] as const) {
    const victim = child(step, String(at));
    expect(await victim.ended, victim.stderr()).toBe('SIGKILL');
    expect([step, ...(await places())]).toEqual([step, total - archived, archived]);
    expect(await everything()).toEqual(before);
  }
  await child().line((line) => line === 'complete');
  expect(await everything()).toEqual(before);
  expect(await places()).toEqual([5, total - 5]);
  expect(await new Housekeeper({ store, archive: { closedBy: [CLOSED], afterDays: 30 } }).runOnce()).toMatchObject({ archivedStreams: 0, archivedEvents: 0 });
  expect(await compareProjection(store, balances())).toMatchObject({ equal: true, position: BigInt(total) });
  await store.append('account-open', 2, [deposited(1n)], metadata);
  expect(await new EventStore({ pool: db.appPool }).state(account, 'account-open')).toEqual({ state: { balance: 6n }, version: 3 });
}, 300_000);

test('a pass that removes nothing does not say that it has', async () => {
  const met: string[] = [];
  const hook = Symbol.for('skein.failpoint');
  Reflect.set(globalThis, hook, (name: string) => void (name === 'housekeeping.removed' && met.push(name)));
  try {
    const keeper = new Housekeeper({ store });
    expect(await keeper.runOnce()).toMatchObject({ keys: 0, jobs: 0 });
    expect(met).toEqual([]);
    await expireKey('one');
    expect(await keeper.runOnce()).toMatchObject({ keys: 1, jobs: 0 });
    expect(met).toHaveLength(1);
  } finally {
    Reflect.deleteProperty(globalThis, hook);
  }
});
