import { EventStore, eventsMigrations } from '@skein/events';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import { numberToHex } from 'viem';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { FollowChain, type Step } from '../src/application/follow-chain.js';
import { QuorumSource } from '../src/application/quorum-source.js';
import { chainDecider } from '../src/domain/chain/chain.decider.js';
import { knownFacts } from '../src/domain/chain/chain.state.js';
import { JsonRpc } from '../src/infrastructure/json-rpc.js';
import { RpcChainSource } from '../src/infrastructure/rpc-chain-source.js';
import { TestChain } from './chain.js';
import { RpcProxy, type Bend } from './rpc-proxy.js';

let chain: TestChain;
let [one, two]: RpcProxy[] = [];
let database: TestDatabase;
let store: EventStore;
let follow: FollowChain;
let stakes = 0n;

beforeAll(async () => {
  chain = await TestChain.start();
  [one, two] = [await RpcProxy.before(chain.anvil.rpcUrl), await RpcProxy.before(chain.anvil.rpcUrl)];
});
afterAll(async () => {
  await one!.stop();
  await two!.stop();
  await chain.anvil.stop();
});
beforeEach(async () => {
  database = await freshDatabase(eventsMigrations);
  store = new EventStore({ pool: database.appPool });
  const sources = [one!, two!].map(({ url }) => new RpcChainSource(new JsonRpc(url, { timeoutMs: 1_000 }), chain.book));
  const { chainId, fromBlock } = chain.book;
  follow = new FollowChain(store, new QuorumSource(sources, 2), { chainId, fromBlock: Number(fromBlock) });
  await catchUp();
});
afterEach(async () => {
  one!.heal();
  two!.heal();
  await store.close();
  await database.drop();
});

async function catchUp(): Promise<Step> {
  for (;;) {
    const step = await follow.step();
    if (!step.behind) return step;
  }
}

const state = async () => (await store.state(chainDecider, `chain-${chain.book.chainId}`)).state;
const version = async (): Promise<number> => (await store.state(chainDecider, `chain-${chain.book.chainId}`)).version;
const pending = async (): Promise<number> => knownFacts(await state()).filter(({ final }) => !final).length;

async function stake(): Promise<void> {
  await chain.stake(await chain.staker(`quorum-${(stakes += 1n)}`, 10n ** 20n), stakes);
}

const down = (proxy: RpcProxy): void => proxy.break((response) => void response.writeHead(503).end());

test('with one endpoint in reach what is pending is shown and nothing becomes final; with both it does', async () => {
  const before = (await state()).stakedFinal;
  down(two!);
  await stake();
  await chain.anvil.mine(4);
  const { heads, halted } = await catchUp();
  expect(halted).toBeUndefined();
  expect(heads.agreement).toMatchObject({ reached: 1, wanted: 2, missing: expect.stringMatching(/^127\.0\.0\.1:\d+ answered 503$/) });
  expect([(await state()).stakedFinal, (await pending()) > 0]).toEqual([before, true]);
  two!.heal();
  down(one!);
  await catchUp();
  expect((await state()).stakedFinal).toBe(before);
  one!.heal();
  const whole = await catchUp();
  expect(whole.heads.agreement).toEqual({ reached: 2, wanted: 2, missing: '' });
  expect([(await state()).stakedFinal, await pending()]).toEqual([before + stakes, 0]);
});

const otherAmount: Bend = ({ method, result }) => {
  const bent = (log: Record<string, unknown>) => ({ ...log, data: `0x${'0'.repeat(63)}9${String(log['data']).slice(66)}` });
  const bend = (log: Record<string, unknown>) => (log['address'] === chain.book.taskStaking ? bent(log) : log);
  if (method === 'eth_getLogs') return (result as Record<string, unknown>[]).map(bend);
  return method === 'eth_getTransactionReceipt' ? { ...(result as object), logs: (result as { logs: Record<string, unknown>[] }).logs.map(bend) } : undefined;
};

const LIES: readonly (readonly [string, Bend])[] = [
  ['another fact', otherAmount],
  ['no facts', ({ method }) => (method === 'eth_getLogs' ? [] : undefined)],
  ['another final block', ({ method, params, result }) => (method === 'eth_getBlockByNumber' && params[0] === 'finalized' ? { ...(result as object), hash: `0x${'34'.repeat(32)}` } : undefined)],
  ['another chain', ({ method }) => (method === 'eth_chainId' ? numberToHex(1) : undefined)],
];

test.each(LIES)('an endpoint that gives %s stops the chain; nothing becomes final, and it goes on once they agree', async (name, bend) => {
  const before = await state();
  await stake();
  await chain.anvil.mine(4);
  two!.bend(bend);
  const sources = [one!, two!].map(({ url }) => new RpcChainSource(new JsonRpc(url), chain.book));
  if (name === 'another chain') follow = new FollowChain(store, new QuorumSource(sources, 2), { chainId: chain.book.chainId, fromBlock: Number(chain.book.fromBlock) });
  await expect(catchUp()).rejects.toMatchObject({
    rule: 'providers-disagree',
    message: expect.stringMatching(new RegExp(`(?=.*${new URL(one!.url).host} says ).*${new URL(two!.url).host} says `)),
  });
  expect((await state()).stakedFinal).toBe(before.stakedFinal);
  const recorded = await version();
  await expect(catchUp()).rejects.toMatchObject({ rule: 'providers-disagree' });
  expect(await version()).toBe(recorded);
  two!.heal();
  expect((await catchUp()).halted).toBeUndefined();
  expect((await state()).stakedFinal).toBe(before.stakedFinal + stakes);
});
