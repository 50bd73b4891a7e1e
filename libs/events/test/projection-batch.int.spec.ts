import { freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compareProjection, eventsMigrations, EventStore, projectionSink, rebuildProjection, Subscription, type Projection } from '../src/index.js';
import { metadata, type AccountEvent } from './account.js';
import { balances } from './balances.js';

const signed = (event: AccountEvent): bigint => (event.type === 'skein.test.account.deposited.v1' ? event.data.amount : -event.data.amount);

/** `balances` with the sums of a whole batch in one statement; tells the sizes of its batches. */
const batched = (sizes: number[], version = 1): Projection => ({
  ...balances(version),
  apply: () => Promise.reject(new Error('a projection with applyBatch is not applied event by event')),
  applyBatch: async (tx, events) => {
    sizes.push(events.length);
    const movements = events.map((event) => ({ account: event.streamId, units: signed(event as unknown as AccountEvent).toString(), position: event.position.toString() }));
    await tx.query('INSERT INTO movement SELECT * FROM unnest($1::bigint[], $2::text[], $3::numeric[])', [
      movements.map(({ position }) => position), movements.map(({ account }) => account), movements.map(({ units }) => units),
    ]);
    await tx.query(
      `INSERT INTO balance SELECT account, sum(units), count(*) FROM unnest($1::text[], $2::numeric[]) AS m (account, units) GROUP BY account
       ON CONFLICT (account) DO UPDATE SET units = balance.units + excluded.units, movements = balance.movements + excluded.movements`,
      [movements.map(({ account }) => account), movements.map(({ units }) => units)],
    );
  },
});

let db: TestDatabase;
let store: EventStore;
beforeAll(async () => {
  db = await freshDatabase(eventsMigrations);
  store = new EventStore({ pool: db.appPool });
  const deposits = (from: number): AccountEvent[] => Array.from({ length: 200 }, (_, n) => ({ type: n % 5 === 0 ? 'skein.test.account.withdrawn.v1' : 'skein.test.account.deposited.v1', data: { amount: BigInt(from + n) } }));
  for (let stream = 0; stream < 26; stream += 1) await store.append(`account-${stream}`, 'none', deposits(stream), metadata);
});
afterAll(() => db.drop());

test('a projection applied in batches has the rows of one applied event by event, live and rebuilt', async () => {
  const sizes: number[] = [];
  const live = new Subscription({ store, sink: projectionSink(store, balances()) });
  await live.catchUp();
  const rows = async (): Promise<unknown[]> => (await db.appPool.query('SELECT * FROM balances.balance ORDER BY account')).rows;
  const before = await rows();
  expect(before).toHaveLength(26);
  await rebuildProjection(store, batched(sizes, 2));
  expect(sizes).toEqual([4_000, 1_200]);
  expect(await rows()).toEqual(before);
  expect(await compareProjection(store, balances(2))).toMatchObject({ equal: true, rows: 5_226 });

  await store.append('account-0', 200, [{ type: 'skein.test.account.deposited.v1', data: { amount: 7n } }], metadata);
  await new Subscription({ store, sink: projectionSink(store, batched(sizes, 2)) }).catchUp();
  expect(await compareProjection(store, balances(2))).toMatchObject({ equal: true, rows: 5_227 });
});

test('a batch that fails is applied again as a whole', async () => {
  const sizes: number[] = [];
  const projection = batched(sizes, 3);
  let failures = 1;
  const failing: Projection = {
    ...projection,
    applyBatch: async (tx, events) => {
      await projection.applyBatch?.(tx, events);
      if (failures > 0 && sizes.length === 2) {
        failures -= 1;
        throw new Error('the second batch fails');
      }
    },
  };
  await expect(rebuildProjection(store, failing)).rejects.toThrow('the second batch fails');
  await rebuildProjection(store, failing, { resume: true });
  expect(sizes).toEqual([4_000, 1_201, 1_201]);
  expect(await compareProjection(store, balances(3))).toMatchObject({ equal: true, rows: 5_227 });
});
