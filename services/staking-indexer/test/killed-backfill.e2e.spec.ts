import { formatAddressBook, totalStaked, type ChainClient } from '@skein/contracts-evm';
import { compareProjection, EventStore } from '@skein/events';
import { DeterministicRandom } from '@skein/kernel';
import { migrationsOf } from '@skein/platform';
import { freshDatabase, spawnTs, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { positionDecider } from '../src/domain/position/position.decider.js';
import { stakingIndexerService, stakingProjection } from '../src/index.js';
import { StakingQueries } from '../src/projections/staking.queries.js';
import { TestChain } from './chain.js';

const STAKES = 40;
let chain: TestChain;
let database: TestDatabase;
let wallets: ChainClient[];

beforeAll(async () => {
  chain = await TestChain.start();
  wallets = [await chain.staker('killed-a', 10n ** 20n), await chain.staker('killed-b', 10n ** 20n)];
  for (let stake = 1; stake <= STAKES; stake += 1) await chain.stake(wallets[stake % 2]!, BigInt(stake));
  await chain.anvil.mine(2);
  database = await freshDatabase(...migrationsOf(stakingIndexerService));
});
afterAll(async () => {
  await database.drop();
  await chain.anvil.stop();
});

const child = () => spawnTs(new URL('./follower-child.ts', import.meta.url), [database.appUrl, chain.anvil.rpcUrl, formatAddressBook(chain.book)]);

test('a backfill killed with -9 again and again credits every stake once', async () => {
  const random = new DeterministicRandom(new Uint8Array(32).fill(7));
  let kills = 0;
  for (let life = 0; life < 3; life += 1) {
    const running = child();
    const steps = 1 + (random.bytes(1)[0]! % 4);
    // Dies after some steps, wherever its reactor and projection stand then; a life that reads everything first ends by itself.
    const dying = running.line(() => running.lines.length >= steps).then(() => running.process.kill('SIGKILL'));
    await dying;
    if ((await running.ended) === 'SIGKILL') kills += 1;
  }
  expect(kills).toBeGreaterThan(1);
  const last = child();
  await last.line((line) => line === 'done');
  expect(await last.ended).toBe(0);

  const store = new EventStore({ pool: database.appPool });
  const sum = BigInt((STAKES * (STAKES + 1)) / 2);
  expect(await totalStaked(chain.admin, chain.book)).toBe(sum);
  expect(await new StakingQueries(database.appPool).totalAfter(1_000_000)).toBe(sum);
  const positions = await Promise.all(
    wallets.map((wallet) => store.state(positionDecider, `position-eip155:${chain.book.chainId}:${wallet.address}`)),
  );
  expect(positions.map(({ version }) => version)).toEqual([1 + STAKES / 2, 1 + STAKES / 2]);
  expect(positions.reduce((all, { state }) => all + (state.stakes[0]?.units ?? 0n), 0n)).toBe(sum);
  expect((await compareProjection(store, stakingProjection)).equal).toBe(true);
  await store.close();
});
