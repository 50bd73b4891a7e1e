import { EventStore, eventsMigrations } from '@skein/events';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import type { Hex } from 'viem';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { FollowChain } from '../src/application/follow-chain.js';
import { chainDecider } from '../src/domain/chain/chain.decider.js';
import { singlesOf, type ChainEvent } from '../src/domain/chain/chain.events.js';
import { JsonRpc } from '../src/infrastructure/json-rpc.js';
import { RpcChainSource } from '../src/infrastructure/rpc-chain-source.js';
import { TestChain } from './chain.js';

const TOKEN = 10n ** 18n;
let chain: TestChain;
let database: TestDatabase;
let store: EventStore;

beforeAll(async () => {
  chain = await TestChain.start();
});
afterAll(() => chain.anvil.stop());
beforeEach(async () => {
  database = await freshDatabase(eventsMigrations);
  store = new EventStore({ pool: database.appPool });
});
afterEach(async () => {
  await store.close();
  await database.drop();
});

const follower = (): FollowChain => {
  const { chainId, fromBlock } = chain.book;
  return new FollowChain(store, new RpcChainSource(new JsonRpc(chain.anvil.rpcUrl), chain.book), { chainId, fromBlock: Number(fromBlock) });
};

async function catchUp(follow: FollowChain): Promise<void> {
  for (;;) {
    const step = await follow.step();
    expect(step.halted).toBeUndefined();
    if (!step.behind) return;
  }
}

const state = async () => (await store.state(chainDecider, `chain-${chain.book.chainId}`)).state;

/** Kinds of facts about a pool that the stream holds, by how far they came. */
async function poolFacts(pool: Hex): Promise<string[]> {
  const events = (await store.readStream(`chain-${chain.book.chainId}`)) as unknown as ChainEvent[];
  return events.flatMap(singlesOf).flatMap((event) => {
    if (event.type !== 'skein.staking.fact.observed.v1' && event.type !== 'skein.staking.fact.finalised.v1') return [];
    const { fact } = event.data;
    return 'pool' in fact && fact.pool === pool ? [`${fact.kind} ${event.type.split('.')[3]}`] : [];
  });
}

test('a pool is followed from its first block on: created and delegated to within one range, and later', async () => {
  const [owner, delegator] = [await chain.staker('pool-owner', 10n * TOKEN), await chain.staker('pool-delegator', 10n * TOKEN)];
  const pool = await chain.createPool(owner);
  await chain.delegate(delegator, pool, 2n * TOKEN);
  await chain.anvil.mine(3);
  await catchUp(follower());
  expect(await poolFacts(pool)).toEqual(['pool-created finalised', 'delegated finalised']);
  expect((await state()).announced.map(({ contract }) => contract)).toContain(pool);
  // Another process knows the pool from the stream alone.
  await chain.delegate(delegator, pool, TOKEN);
  await chain.anvil.mine(3);
  await catchUp(follower());
  expect((await poolFacts(pool)).slice(2)).toEqual(['delegated finalised']);
});

test('a pool whose creation a reorg drops is gone with its facts', async () => {
  const [owner, delegator] = [await chain.staker('lost-owner', 10n * TOKEN), await chain.staker('lost-delegator', 10n * TOKEN)];
  await chain.anvil.mine(4);
  const follow = follower();
  await catchUp(follow);
  const before = (await state()).announced.length;
  const pool = await chain.createPool(owner);
  await chain.anvil.mine(1);
  await catchUp(follow);
  expect((await state()).announced).toHaveLength(before + 1);
  expect(await poolFacts(pool)).toEqual(['pool-created observed']);
  await chain.reorg(2);
  await chain.anvil.mine(4);
  await catchUp(follow);
  expect((await state()).announced).toHaveLength(before);
  expect(await chain.admin.reader.getCode({ address: pool })).toBeUndefined();
  // Created again: its address comes back, and counts once.
  expect(await chain.createPool(owner)).toBe(pool);
  await chain.delegate(delegator, pool, TOKEN);
  await chain.anvil.mine(3);
  await catchUp(follow);
  expect(await poolFacts(pool)).toEqual(['pool-created observed', 'pool-created finalised', 'delegated finalised']);
});
