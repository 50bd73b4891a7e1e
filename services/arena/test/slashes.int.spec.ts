import { EventStore, Subscription, projectionSink } from '@skein/events';
import { migrationsOf } from '@skein/platform';
import { type TestDatabase, freshDatabase } from '@skein/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TaskCommands } from '../src/application/task-commands.js';
import { arenaService } from '../src/index.js';
import { PoolCopy } from '../src/infrastructure/pool-copy.js';
import { StakeCopy } from '../src/infrastructure/stake-copy.js';
import { PoolsConsumer } from '../src/interface/events/pools.consumer.js';
import { StakesConsumer } from '../src/interface/events/stakes.consumer.js';
import { casesProjection } from '../src/projections/cases.projection.js';
import { type Copies, SlashPlay } from './slash-play.js';

const UNIT = 10n ** 18n;
const OWN = [3_000n * UNIT, 1_000n * UNIT] as const;

let database: TestDatabase;
let copies: Copies;
let plays = 0;

beforeAll(async () => {
  database = await freshDatabase(...migrationsOf(arenaService));
  const store = new EventStore({ pool: database.appPool });
  const cases = new Subscription({ store, sink: projectionSink(store, casesProjection) });
  await cases.catchUp();
  const copy = new StakeCopy(database.appPool);
  const tasks = { state: async () => ({ status: 'training' }) } as unknown as TaskCommands;
  copies = { store, cases, copy, stakes: new StakesConsumer(copy, tasks), pools: new PoolsConsumer(new PoolCopy(database.appPool)) };
});
afterAll(async () => {
  await copies.store.close();
  await database.drop();
});

type Step = (play: SlashPlay) => Promise<void>;

const lane = fc.constantFrom('positions', 'pools', 'ends' as const);
const steps = (units: fc.Arbitrary<bigint>, decisions: number): fc.Arbitrary<Step[]> =>
  fc.array(fc.oneof(
    { weight: 3, arbitrary: units.map((amount): Step => async (play) => (play.decided < decisions ? play.decide(amount) : undefined)) },
    { weight: 3, arbitrary: fc.constant<Step>(async (play) => play.settle()) },
    { weight: 1, arbitrary: fc.constant<Step>((play) => play.dismiss()) },
    { weight: 6, arbitrary: lane.map((name): Step => (play) => play.lanes[name].hear()) },
    { weight: 2, arbitrary: fc.tuple(lane, fc.nat(100), fc.integer({ min: 1 })).map(([name, pick, anew]): Step => (play) => play.lanes[name].hearAgain(pick, anew % 2 === 0 ? '' : ` ${anew}`)) },
  ), { maxLength: 25 });

async function begin(principal: bigint): Promise<SlashPlay> {
  const play = new SlashPlay(copies, (plays += 1), { own: OWN, principal });
  await play.lanes.positions.hear();
  await play.lanes.pools.hear();
  return play;
}

test('each slash of a stake without a pool is gone once, to the unit, however decision, final block, duplicates and latecomers interleave', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(steps(fc.bigInt({ min: 1n, max: 30n * UNIT }), 20), async (all) => {
      const play = await begin(0n);
      for (const step of all) {
        await step(play);
        expect(await play.effective()).toEqual(play.expected);
      }
      await play.finish();
      expect(await play.effective()).toEqual(play.expected);
    }),
    { numRuns: 50 },
  );
});

const apart = (a: bigint, b: bigint): bigint => (a > b ? a - b : b - a);

// While the parts that a final block took are not known they are reckoned by the shares of the copies, which slashes have moved by
// less than a hundredth: far less than any part of any of them, so that one subtracted twice, or not at all, stands out.
test('so is each part of a slash that a pool bears with its owner; once everything is final, to the unit', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(steps(fc.bigInt({ min: 8n * UNIT, max: 10n * UNIT }), 4), async (all) => {
      const play = await begin(4_000n * UNIT);
      for (const step of all) {
        await step(play);
        const [[own, lent], [expectedOwn, expectedLent]] = [await play.effective(), play.expected];
        expect([apart(own, expectedOwn) < UNIT / 2n, apart(lent, expectedLent) < UNIT / 2n]).toEqual([true, true]);
      }
      await play.finish();
      const [[own, lent], [expectedOwn, expectedLent]] = [await play.effective(), play.expected];
      // The pool's index is floored, and so is what it lends.
      expect([own, apart(lent, expectedLent) < 10n]).toEqual([expectedOwn, true]);
    }),
    { numRuns: 50 },
  );
});

test('stakes are not told between a decision and the read model that has it, also while the decision has no position yet', async () => {
  const play = await begin(0n);
  await play.decide(7n * UNIT, 'not told');
  const behind = { rejection: { rule: 'read-model-behind', retriable: true } };
  await expect(play.effective()).rejects.toMatchObject(behind);
  await copies.store.headPosition();
  await expect(play.effective()).rejects.toMatchObject(behind);
  await copies.cases.catchUp();
  expect(await play.effective()).toEqual(play.expected);
});
