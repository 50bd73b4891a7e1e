import { mined } from '@skein/contracts-evm';
import { EventStore, eventsMigrations, type RecordedEvent } from '@skein/events';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import { keccak256 } from 'viem';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { BlockRange } from '../src/application/block-range.js';
import { RangeRefused, type ChainSource } from '../src/application/chain-source.js';
import { FollowChain, type FollowOptions, type Step } from '../src/application/follow-chain.js';
import { chainDecider } from '../src/domain/chain/chain.decider.js';
import { singlesOf, type BlocksReverted, type ChainEvent, type FactFinalised, type FactObserved } from '../src/domain/chain/chain.events.js';
import type { ChainFact } from '../src/domain/facts.js';
import { JsonRpc } from '../src/infrastructure/json-rpc.js';
import { RpcChainSource } from '../src/infrastructure/rpc-chain-source.js';
import { TASK, TestChain } from './chain.js';

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

const source = (): RpcChainSource => new RpcChainSource(new JsonRpc(chain.anvil.rpcUrl), chain.book);
const follower = (from: ChainSource = source(), options: Partial<FollowOptions> = {}): FollowChain =>
  new FollowChain(store, from, { chainId: chain.anvil.chainId, fromBlock: Number(chain.book.fromBlock), ...options });

/** Steps until the safe head has been read. */
async function catchUp(follow: FollowChain): Promise<Step> {
  for (;;) {
    const step = await follow.step();
    if (!step.behind) return step;
  }
}

const history = (): Promise<RecordedEvent[]> => store.readStream(`chain-${chain.anvil.chainId}`);
const facts = (events: RecordedEvent[], type: string): ChainFact[] =>
  events
    .flatMap((event) => singlesOf(event as unknown as ChainEvent))
    .filter((event) => event.type === type)
    .map((event) => event.data as FactObserved['data'] | FactFinalised['data']);
const stakes = (all: ChainFact[]): bigint[] => all.flatMap(({ fact }) => (fact.kind === 'staked' ? [fact.amount] : []));
const staked = async (): Promise<bigint> => (await store.state(chainDecider, `chain-${chain.anvil.chainId}`)).state.stakedFinal;
const onChain = async (): Promise<bigint> => (await source().totalStaked({ number: Number(await chain.height()), hash: '' }))!;

test('a stake is observed at the safe block and final two blocks later', async () => {
  const wallet = await chain.staker('safe', 100n * 10n ** 18n);
  const follow = follower();
  await catchUp(follow);
  const before = await staked();
  await chain.stake(wallet, 7n);
  await catchUp(follow);
  expect(stakes(facts(await history(), 'skein.staking.fact.observed.v1')).at(-1)).not.toBe(7n);
  await chain.anvil.mine(1);
  await catchUp(follow);
  expect(stakes(facts(await history(), 'skein.staking.fact.observed.v1')).at(-1)).toBe(7n);
  expect(await staked()).toBe(before);
  await chain.anvil.mine(1);
  const { heads, finalised } = await catchUp(follow);
  expect(finalised).toEqual({ number: heads.finalised.number, hash: heads.finalised.hash });
  expect((await staked()) - before).toBe(7n);
  await chain.anvil.mine(2);
  expect(await staked()).toBe(await onChain());
});

test('where the heads are the same as before, a few looks end with them, then one is whole again; a new block is read at once', async () => {
  const asked = source();
  let headers = 0;
  const header = asked.header.bind(asked);
  asked.header = (number) => ((headers += 1), header(number));
  const follow = follower(asked, { quietLooks: 2 });
  const first = await catchUp(follow);
  headers = 0;
  expect([await follow.step(), await follow.step()].map((step) => step === first)).toEqual([true, true]);
  expect(headers).toBe(0);
  expect(await follow.step()).toEqual({ ...first, settled: false });
  expect(headers).toBeGreaterThan(0);
  await chain.anvil.mine(1);
  const { indexed } = await catchUp(follow);
  expect(indexed.number).toBe(first.indexed.number + 1);
});

test('the same transaction in another block with another log index counts once', async () => {
  const [wallet, other] = [await chain.staker('moved', 10n ** 20n), await chain.staker('ahead', 10n ** 20n)];
  await chain.anvil.mine(3);
  const follow = follower();
  await catchUp(follow);
  const before = await staked();
  const [stake, ahead] = [await chain.signedStake(wallet, 11n), await chain.signedStake(other, 5n)];
  await mined(wallet, await wallet.reader.sendRawTransaction({ serializedTransaction: stake }));
  await chain.anvil.mine(1);
  await catchUp(follow);
  const first = facts(await history(), 'skein.staking.fact.observed.v1').at(-1)!;
  expect(first).toMatchObject({ txHash: keccak256(stake), ordinal: 0, fact: { kind: 'staked', amount: 11n, taskId: TASK } });

  await chain.reorg(2, [
    [ahead, 1],
    [stake, 1],
  ]);
  await chain.anvil.mine(4);
  await catchUp(follow);
  const events = await history();
  const again = facts(events, 'skein.staking.fact.finalised.v1').find(({ txHash }) => txHash === first.txHash)!;
  expect(again.ordinal).toBe(first.ordinal);
  expect(again.blockNumber).toBe(first.blockNumber + 1);
  expect(again.logIndex).toBeGreaterThan(first.logIndex);
  const reverted = events.find((event) => event.type === 'skein.staking.blocks.reverted.v1')!.data as BlocksReverted['data'];
  expect(reverted.blocks.map(({ hash }) => hash)).toContain(first.blockHash);
  expect(stakes(facts(events, 'skein.staking.fact.finalised.v1')).filter((amount) => amount === 11n)).toEqual([11n]);
  expect((await staked()) - before).toBe(16n);
  expect(await staked()).toBe(await onChain());
});

test('a transaction that a reorg drops is gone', async () => {
  const wallet = await chain.staker('dropped', 10n ** 20n);
  await chain.anvil.mine(3);
  const follow = follower();
  await catchUp(follow);
  const before = await staked();
  await chain.stake(wallet, 13n);
  await chain.anvil.mine(1);
  await catchUp(follow);
  await chain.reorg(2);
  await chain.anvil.mine(4);
  await catchUp(follow);
  expect(stakes(facts(await history(), 'skein.staking.fact.observed.v1'))).toContain(13n);
  expect(stakes(facts(await history(), 'skein.staking.fact.finalised.v1'))).not.toContain(13n);
  expect(await staked()).toBe(before);
});

test('a backfill that is killed at any step goes on where it was, and gives what an undisturbed one gives', async () => {
  const wallet = await chain.staker('backfill', 10n ** 20n);
  for (let stake = 1n; stake <= 6n; stake += 1n) await chain.stake(wallet, stake);
  await chain.anvil.mine(4);
  const range = (): BlockRange => new BlockRange(1, 3);
  let asked = 0;
  const dying = new Proxy(source(), {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        asked += 1;
        if (asked % 13 === 0) throw new Error('killed');
        return value.apply(target, args);
      };
    },
  });
  for (let lives = 0; lives < 200; lives += 1) {
    await store.close();
    store = new EventStore({ pool: database.appPool });
    const done = await catchUp(follower(dying, { range: range() })).catch(() => undefined);
    if (done !== undefined) break;
  }
  const disturbed = facts(await history(), 'skein.staking.fact.finalised.v1');
  expect(disturbed.length).toBeGreaterThan(6);
  expect(await staked()).toBe(await onChain());
  expect(disturbed.map(({ txHash, ordinal }) => `${txHash}/${ordinal}`)).toEqual(
    (await source().facts(0, (await catchUp(follower())).finalised.number)).map(({ txHash, ordinal }) => `${txHash}/${ordinal}`),
  );
});

test('a range that is refused is halved until it passes', async () => {
  const refused: number[] = [];
  const picky = new Proxy(source(), {
    get: (target, name) => {
      if (name !== 'facts') return (Reflect.get(target, name) as () => unknown).bind(target);
      return async (from: number, to: number) => {
        if (to - from < 5) return target.facts(from, to);
        refused.push(to - from);
        throw new RangeRefused('too many results');
      };
    },
  });
  await catchUp(follower(picky));
  expect(refused[0]).toBeGreaterThan(10);
  expect(await staked()).toBe(await onChain());
});

test('an answer that lacks logs is noticed by the contract’s own total, and nothing is recorded', async () => {
  const forgetful = new Proxy(source(), {
    get: (target, name) => {
      if (name !== 'facts') return (Reflect.get(target, name) as () => unknown).bind(target);
      return async (from: number, to: number) => (await target.facts(from, to)).filter(({ fact }) => fact.kind !== 'staked');
    },
  });
  const step = await catchUp(follower(forgetful));
  expect(step.halted?.rule).toBe('totals-differ');
  expect((await history()).map((event) => event.type).filter((type) => type.includes('.fact') || type.includes('.cursor.'))).toEqual([]);
  expect((await catchUp(follower())).halted).toBeUndefined();
  expect(await staked()).toBe(await onChain());
});

test('a chain that ends before what was read, or leaves a final block, stops the follower', async () => {
  const wallet = await chain.staker('stop', 10n ** 20n);
  await chain.stake(wallet, 3n);
  await chain.anvil.mine(6);
  const follow = follower();
  await catchUp(follow);
  const recorded = (await history()).length;
  await chain.rollback(5);
  expect((await follow.step()).halted?.rule).toBe('latest-went-backwards');
  await chain.anvil.mine(8);
  expect(await follow.step()).toMatchObject({ halted: { rule: 'finality-violated' }, lasting: true });
  expect((await history()).slice(recorded).map(({ type }) => type)).toEqual(['skein.staking.chain.halted.v1']);
});

test('another chain with the same id is refused', async () => {
  await catchUp(follower());
  const genesis = { number: 0, hash: `0x${'12'.repeat(32)}` };
  const stranger = new Proxy(source(), {
    get: (target, name) => {
      if (name !== 'identity') return (Reflect.get(target, name) as () => unknown).bind(target);
      return async () => ({ chainId: chain.anvil.chainId, genesis });
    },
  });
  expect((await follower(stranger).step()).halted?.rule).toBe('another-chain');
});
