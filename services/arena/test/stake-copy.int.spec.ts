import { create } from '@bufbuild/protobuf';
import { FinalityReachedSchema } from '@skein/contracts/staking';
import { EventStore, Subscription, projectionSink } from '@skein/events';
import type { Delivery } from '@skein/messaging';
import { migrationsOf, StakeCopyFrontier, stakeCopyAge } from '@skein/platform';
import { type TestDatabase, freshDatabase } from '@skein/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { PoolCopy } from '../src/infrastructure/pool-copy.js';
import { type CopiedStake, StakeCopy } from '../src/infrastructure/stake-copy.js';
import { arenaService } from '../src/index.js';
import { casesProjection } from '../src/projections/cases.projection.js';
import { wallet } from './domain.fixtures.js';

type Meter = Parameters<typeof stakeCopyAge>[1];
type Callback = Parameters<ReturnType<Meter['createObservableGauge']>['addCallback']>[0];
type Observed = Parameters<Callback>[0];

const CHAIN = 'eip155:31337';
const [TASK, OTHER] = ['01890a5d-ac96-774b-bcce-b302099a8057', '01890a5d-ac96-774b-bcce-b302099a8058'];
const OWNER = wallet('owner');
const SCALE = 10n ** 27n;
const hash = (number: number): string => `0x${String(number).repeat(64).slice(0, 64)}`;
const heard = (number: number, more: { blockTimeMs?: bigint; epochGenesisMs?: bigint; epochMs?: bigint } = {}) => ({ chain: CHAIN, block: { number: BigInt(number), hash: hash(number) }, ...more });

let database: TestDatabase;
let store: EventStore;
let stakes: StakeCopy;
let pools: PoolCopy;
let messages = 0;
const inbox = () => ({ consumer: 'test', messageId: String((messages += 1)) });
const stakeOf = (taskId: string, ownUnits: bigint): CopiedStake => ({ taskId, role: 'node', ownUnits });
const pool = (version: bigint, change: object = {}) =>
  ({ pool: '0xp', owner: OWNER, version, countedShares: 1_000n, principalIndex: SCALE, closed: false, waiting: [], ...change }) as const;

const finality = async (number: number, times: { blockTimeMs: bigint; epochGenesisMs?: bigint; epochMs?: bigint }): Promise<void> => {
  const message = create(FinalityReachedSchema, { chain: CHAIN, asOf: heard(number).block, ...times });
  await new StakeCopyFrontier(database.appPool).handler.handle(message, {} as Delivery);
};

beforeAll(async () => {
  database = await freshDatabase(...migrationsOf(arenaService));
  store = new EventStore({ pool: database.appPool });
  stakes = new StakeCopy(database.appPool);
  pools = new PoolCopy(database.appPool);
});
beforeEach(() => database.ownerPool.query('TRUNCATE stake_frontier, arena_pool, arena_sigma, arena_stake, arena_stake_wallet'));
afterAll(async () => {
  await store.close();
  await database.drop();
});

test('before the read model of slashes is made nobody decides: it is tried again', async () => {
  await expect(stakes.stakesOf(TASK)).rejects.toMatchObject({ rejection: { rule: 'read-model-not-ready', retriable: true } });
  await new Subscription({ store, sink: projectionSink(store, casesProjection) }).catchUp();
  expect(await stakes.stakesOf(TASK)).toEqual({ positions: [] });
});

test('stakes are named by the newest final block that was heard of, and by none before', async () => {
  expect(await stakes.stakesOf(TASK)).toEqual({ positions: [] });
  await stakes.take(inbox(), { wallet: OWNER, version: 1n, stakes: [stakeOf(TASK, 300n)] }, heard(7));
  await stakes.take(inbox(), { wallet: wallet('late'), version: 1n, stakes: [stakeOf(TASK, 5n)] }, heard(6));
  const { positions, stakeBlock } = await stakes.stakesOf(TASK);
  expect(stakeBlock).toEqual({ number: 7, hash: hash(7) });
  expect(positions.map(({ ownUnits }) => ownUnits).sort()).toEqual([300n, 5n].sort());
  await stakes.take(inbox(), { wallet: OWNER, version: 2n, stakes: [] }, heard(9));
  expect((await stakes.stakesOf(TASK)).stakeBlock).toEqual({ number: 9, hash: hash(9) });
});

test('a pool lends to each stake of its owner by own stake, so that no unit counts twice; an older message changes nothing', async () => {
  await stakes.take(inbox(), { wallet: OWNER, version: 1n, stakes: [stakeOf(TASK, 300n), stakeOf(OTHER, 101n)] }, heard(1));
  await pools.takePool(inbox(), heard(2), pool(2n));
  await pools.takeSigma(inbox(), heard(2), { owner: OWNER, version: 2n, sigmaPpm: 400_000 });
  const lent = async (taskId: string) => (await stakes.stakesOf(taskId)).positions.map(({ delegatedUnits, sigmaPpm }) => [delegatedUnits, sigmaPpm]);
  expect([await lent(TASK), await lent(OTHER)]).toEqual([[[748n, 400_000]], [[251n, 400_000]]]);
  await pools.takePool(inbox(), heard(2), pool(1n, { countedShares: 9n }));
  await pools.takeSigma(inbox(), heard(2), { owner: OWNER, version: 1n, sigmaPpm: 1 });
  expect(await lent(TASK)).toEqual([[748n, 400_000]]);
  await pools.takePool(inbox(), heard(3), pool(3n, { closed: true }));
  expect(await lent(TASK)).toEqual([[0n, 0]]);
});

test('what waits in a pool counts by the time of the named block, not by any clock of ours', async () => {
  await stakes.take(inbox(), { wallet: OWNER, version: 1n, stakes: [stakeOf(TASK, 300n)] }, heard(1));
  await pools.takePool(inbox(), heard(2), pool(1n, { waiting: [{ epoch: 4, sharesIn: 50n, sharesOut: 20n }] }));
  const delegated = async () => (await stakes.stakesOf(TASK)).positions[0]?.delegatedUnits;
  expect(await delegated()).toBe(1_000n);
  const reach = (number: number, epoch: number) => finality(number, { blockTimeMs: BigInt(1_000 + epoch * 60), epochGenesisMs: 1_000n, epochMs: 60n });
  await reach(3, 6);
  expect(await delegated()).toBe(1_000n);
  await reach(4, 7);
  expect(await delegated()).toBe(1_030n);
});

test('the copy is as old as the newest final block whose time is known, and says so nowhere before', async () => {
  const frontier = new StakeCopyFrontier(database.appPool);
  const seen: number[] = [];
  const callbacks = new Set<Callback>();
  const gauge = { addCallback: (one: Callback) => callbacks.add(one), removeCallback: (one: Callback) => callbacks.delete(one) };
  const made: unknown[] = [];
  const meter = { createObservableGauge: (...args: unknown[]) => (made.push(args), gauge) } as unknown as Meter;
  const worker = stakeCopyAge(frontier, meter);
  const observe = async () => Promise.all([...callbacks].map((one) => one({ observe: (value: number) => void seen.push(value) } as Observed)));
  await worker.start();
  expect(made).toEqual([['stake_copy_age_seconds', { unit: 's', description: expect.stringContaining('own copy of stakes') }]]);
  await observe();
  expect([await frontier.field(), seen]).toEqual([{}, []]);

  await stakes.take(inbox(), { wallet: OWNER, version: 1n, stakes: [] }, heard(1));
  await observe();
  expect(await frontier.field()).toMatchObject({ stakeCopy: { block: { number: 1n, hash: hash(1) }, blockTimeMs: 0n, ageSeconds: 0n } });
  expect(seen).toEqual([]);

  const { rows: [now] } = await database.appPool.query<{ ms: string }>('SELECT es_now_ms() AS ms');
  await finality(2, { blockTimeMs: BigInt(now!.ms) - 3_600_000n });
  // One of a block before it, that comes late or again, takes nothing back.
  await finality(1, { blockTimeMs: 1_000n });
  await stakes.take(inbox(), { wallet: OWNER, version: 2n, stakes: [] }, heard(3));
  await observe();
  const { stakeCopy } = await frontier.field();
  expect(stakeCopy).toMatchObject({ block: { number: 3n, hash: hash(3) }, blockTimeMs: BigInt(now!.ms) - 3_600_000n });
  expect(Math.floor(Number(stakeCopy!.ageSeconds) / 60)).toBe(60);
  expect(seen.map((age) => Math.floor(age / 60))).toEqual([60]);
  await worker.stop();
  await observe();
  expect(seen).toHaveLength(1);
});
