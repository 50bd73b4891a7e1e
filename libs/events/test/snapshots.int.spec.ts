import type { SnapshotCodec } from '@skein/kernel';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { archiveStream, eventsMigrations, EventStore } from '../src/index.js';
import { account, deposited, metadata, withdrawn, type AccountEvent } from './account.js';

type State = { balance: bigint };
let db: TestDatabase;
const failures: string[] = [];
const open = (): EventStore => new EventStore({ pool: db.appPool, onError: (_, where) => void failures.push(where) });
beforeAll(async () => {
  db = await freshDatabase(eventsMigrations);
});
afterAll(() => db.drop());

let folded = 0;
const counting = (codec: Partial<SnapshotCodec<State>> = {}) => ({
  ...account,
  evolve: (state: State, event: AccountEvent) => {
    folded += 1;
    return account.evolve(state, event);
  },
  snapshot: { name: 'account', version: 1, every: 5, encode: (state: State): unknown => state, decode: (kept: unknown) => kept as State, ...codec },
});
/** What a process that has just started gets, and how many events it folds for it. */
async function coldStart(streamId: string, decider = counting()): Promise<{ state: State; version: number; folds: number }> {
  const store = open();
  folded = 0;
  const found = await store.state(decider, streamId);
  const folds = folded;
  await store.close();
  return { ...found, folds };
}
const kept = async (streamId: string): Promise<unknown[]> => (await db.appPool.query('SELECT schema_version, version FROM es_snapshot WHERE stream_id = $1 ORDER BY schema_version', [streamId])).rows;

test('a state is kept each time the stream has grown enough, and a cold start folds what came after it', async () => {
  const store = open();
  for (let n = 1; n <= 12; n += 1) await store.execute({ decider: counting(), streamId: 'account-a', metadata, command: () => ({ change: 1n }) });
  await store.close();
  expect(await kept('account-a')).toEqual([{ schema_version: 1, version: 10 }]);
  expect(await coldStart('account-a')).toEqual({ state: { balance: 12n }, version: 12, folds: 2 });
  await db.appPool.query('DELETE FROM es_snapshot');
  expect(await coldStart('account-a')).toEqual({ state: { balance: 12n }, version: 12, folds: 12 });
  expect(await kept('account-a')).toEqual([{ schema_version: 1, version: 12 }]);
});

test('at every point of any stream snapshot and tail give what all events give', async () => {
  let run = 0;
  await fc.assert(fc.asyncProperty(fc.array(fc.bigInt({ min: -5n, max: 9n }), { minLength: 1, maxLength: 30 }), fc.integer({ min: 1, max: 7 }), async (changes, every) => {
    const streamId = `account-run-${(run += 1)}`;
    const decider = counting({ every });
    const full = { ...account };
    let balance = 0n;
    for (const [at, change] of changes.entries()) {
      await open().append(streamId, at, [change < 0n ? withdrawn(-change) : deposited(change)], metadata);
      balance += change;
      const { state, version, folds } = await coldStart(streamId, decider);
      expect({ state, version }).toEqual({ state: { balance }, version: at + 1 });
      expect(folds).toBeLessThanOrEqual(every);
    }
    expect(await open().state(full, streamId)).toEqual({ state: { balance }, version: changes.length });
  }), { numRuns: 15 });
});

test('one that cannot be read or is of another history is thrown away, one of another version left alone', async () => {
  const fill = async (streamId: string): Promise<void> => {
    await open().append(streamId, 'none', Array.from({ length: 6 }, () => deposited(2n)), metadata);
    await coldStart(streamId);
    expect(await kept(streamId)).toEqual([{ schema_version: 1, version: 6 }]);
  };
  await fill('account-unreadable');
  failures.length = 0;
  const unreadable = counting({ decode: () => {
    throw new Error('not mine');
  } });
  expect(await coldStart('account-unreadable', unreadable)).toMatchObject({ state: { balance: 12n }, folds: 6 });
  expect(failures).toEqual(['snapshot of account-unreadable']);

  await fill('account-version');
  expect(await coldStart('account-version', counting({ version: 2 }))).toMatchObject({ state: { balance: 12n }, folds: 6 });
  expect(await kept('account-version')).toEqual([{ schema_version: 1, version: 6 }, { schema_version: 2, version: 6 }]);
  expect(await coldStart('account-version')).toMatchObject({ state: { balance: 12n }, folds: 0 });
  await open().append('account-version', 6, Array.from({ length: 6 }, () => deposited(2n)), metadata);
  expect(await coldStart('account-version', counting({ version: 3 }))).toMatchObject({ state: { balance: 24n }, folds: 12 });
  expect(await kept('account-version')).toEqual([{ schema_version: 2, version: 6 }, { schema_version: 3, version: 12 }]);

  await fill('account-history');
  await db.ownerPool.query(`UPDATE es_snapshot SET version = 4, state = '{"balance":"999n"}' WHERE stream_id = 'account-history'`);
  expect(await coldStart('account-history')).toMatchObject({ state: { balance: 12n }, version: 6, folds: 6 });
});

test('a state that cannot be kept costs nothing but the report', async () => {
  failures.length = 0;
  const decider = counting({ encode: () => {
    throw new Error('too big');
  } });
  await open().append('account-b', 'none', Array.from({ length: 6 }, () => deposited(1n)), metadata);
  expect(await coldStart('account-b', decider)).toMatchObject({ state: { balance: 6n }, folds: 6 });
  expect([failures, await kept('account-b')]).toEqual([['snapshot of account-b'], []]);
});

test('of an archived stream it is as good as of any other', async () => {
  const store = open();
  await store.append('account-c', 'none', Array.from({ length: 7 }, () => deposited(1n)), metadata);
  await coldStart('account-c');
  await store.headPosition();
  expect(await archiveStream(db.appPool, 'account-c')).toBe(6);
  expect(await coldStart('account-c')).toMatchObject({ state: { balance: 7n }, version: 7, folds: 0 });
});
