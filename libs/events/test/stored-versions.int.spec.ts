import { ok, upcasterChain, type Decider } from '@skein/kernel';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { archiveStream, checkStoredVersions, eventsMigrations, EventStore, NewerEventsError } from '../src/index.js';
import { metadata } from './account.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase(eventsMigrations);
});
afterAll(() => db.drop());

const [PRICE, NAME] = ['skein.test.price.changed.v1', 'skein.test.name.changed.v1'];
const cents = { type: PRICE, from: 1, lift: (data: unknown) => ({ units: BigInt((data as { cents: number }).cents) * 10n ** 7n }) };
const currency = { type: PRICE, from: 2, lift: (data: unknown) => ({ ...(data as object), currency: 'USD' }) };

test('a program reads what older ones wrote, and stops before what newer ones did, naming stream, type and versions', async () => {
  const programs = [[], [cents], [cents, currency]].map((steps) => new EventStore({ pool: db.appPool, upcasters: upcasterChain(steps) }));
  await programs[0]!.append('price-a', 'any', [{ type: PRICE, data: { cents: 5 } }, { type: NAME, data: {} }], metadata);
  for (const program of programs) await checkStoredVersions(db.appPool, program.upcasters);
  await programs[1]!.append('price-a', 'any', [{ type: PRICE, data: { units: 60_000_000n } }], metadata);
  await programs[2]!.append('price-b', 'any', [{ type: PRICE, data: { units: 70_000_000n, currency: 'EUR' } }], metadata);
  await programs[2]!.headPosition();
  expect((await programs[2]!.readAll(0n, 10)).filter(({ type }) => type === PRICE).map(({ data, schemaVersion }) => ({ data, schemaVersion }))).toEqual([
    { data: { units: 50_000_000n, currency: 'USD' }, schemaVersion: 3 },
    { data: { units: 60_000_000n, currency: 'USD' }, schemaVersion: 3 },
    { data: { units: 70_000_000n, currency: 'EUR' }, schemaVersion: 3 },
  ]);
  await checkStoredVersions(db.appPool, programs[2]!.upcasters);
  await expect(checkStoredVersions(db.appPool, programs[1]!.upcasters)).rejects.toThrow(
    new NewerEventsError([{ type: PRICE, schemaVersion: 3, known: 2, streamId: 'price-b' }]),
  );
  await expect(checkStoredVersions(db.appPool, {})).rejects.toThrow(
    `stream price-a holds an event ${PRICE} of schema version 2; this program knows versions up to 1; stream price-b holds an event ${PRICE} of schema version 3; this program knows versions up to 1`,
  );
});

test('what lies in the archive counts as well', async () => {
  const newer = new EventStore({ pool: db.appPool, upcasters: upcasterChain([{ ...cents, type: NAME }]) });
  await newer.append('name-a', 'none', [{ type: NAME, data: {} }], metadata);
  await new EventStore({ pool: db.appPool }).append('name-a', 1, [{ type: 'skein.test.name.forgotten.v1', data: {} }], metadata);
  await newer.headPosition();
  expect(await archiveStream(db.appPool, 'name-a')).toBe(1);
  await expect(checkStoredVersions(db.appPool, upcasterChain([cents, currency]))).rejects.toThrow(`stream name-a holds an event ${NAME} of schema version 2`);
});

test('a chain with a hole stops the program before it has a store', () => {
  const chain: ((data: unknown) => unknown)[] = [];
  chain[1] = (data) => data;
  expect(() => new EventStore({ pool: db.appPool, upcasters: { [PRICE]: chain } })).toThrow(`${PRICE} has no upcaster from schema version 1`);
});

interface Price {
  units: bigint;
  currency: string;
}
const sums: Decider<Record<string, bigint>, Price, { type: typeof PRICE; data: Price }> = {
  initialState: () => ({}),
  decide: (data) => ok([{ type: PRICE, data }]),
  evolve: (state, { data: { units, currency } }) => ({ ...state, [currency]: (state[currency] ?? 0n) + units }),
};

test('a stream that three programs have written goes on with the newest: each event takes the steps that it lacks, also out of the archive', async () => {
  const [first, second, third] = [[], [cents], [cents, currency]].map((steps) => new EventStore({ pool: db.appPool, upcasters: upcasterChain(steps) })) as [EventStore, EventStore, EventStore];
  await first.append('price-long', 'none', [{ type: PRICE, data: { cents: 5 } }], metadata);
  await second.append('price-long', 1, [{ type: PRICE, data: { units: 60_000_000n } }], metadata);
  const done = await third.execute({ decider: sums, streamId: 'price-long', metadata, command: () => ({ units: 7n, currency: 'EUR' }), answer: (state) => state });
  const expected = { USD: 110_000_000n, EUR: 7n };
  expect(done).toMatchObject({ ok: true, value: { version: 3, answer: expected } });
  await third.headPosition();
  expect(await archiveStream(db.appPool, 'price-long')).toBe(2);
  const cold = new EventStore({ pool: db.appPool, upcasters: upcasterChain([cents, currency]) });
  expect(await cold.state(sums, 'price-long')).toEqual({ state: expected, version: 3 });
  const { rows } = await db.appPool.query(`SELECT schema_version FROM es_history WHERE stream_id = 'price-long' ORDER BY version`);
  expect(rows).toEqual([1, 2, 3].map((schema_version) => ({ schema_version })));
  await expect(second.state(sums, 'price-long')).rejects.toThrow('schema version 3, newer than this program knows (2)');
});
