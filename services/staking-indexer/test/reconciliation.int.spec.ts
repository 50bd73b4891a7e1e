import { EventStore, projectionSink, Subscription } from '@skein/events';
import { migrationsOf } from '@skein/platform';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import { numberToHex, pad, type Hex } from 'viem';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Halt } from '../src/application/chain-status.js';
import { FollowChain, type Step } from '../src/application/follow-chain.js';
import { PayoutGuard } from '../src/application/payout-guard.js';
import { reconciliationDecider } from '../src/domain/reconciliation/reconciliation.decider.js';
import type { ReconciliationFrozen } from '../src/domain/reconciliation/reconciliation.events.js';
import { JsonRpc } from '../src/infrastructure/json-rpc.js';
import { RpcChainSource } from '../src/infrastructure/rpc-chain-source.js';
import { stakingIndexerService, stakingProjection } from '../src/index.js';
import { StakingTotals } from '../src/projections/totals.reader.js';
import { TestChain } from './chain.js';
import { Refusal, RpcProxy } from './rpc-proxy.js';

let chain: TestChain;
let proxy: RpcProxy;
let database: TestDatabase;
let store: EventStore;
let projection: Subscription;
let follow: FollowChain;
let source: RpcChainSource;
let guard: PayoutGuard;
let halt: Halt | undefined;
let pool: Hex;

beforeAll(async () => {
  chain = await TestChain.start();
  proxy = await RpcProxy.before(chain.anvil.rpcUrl);
  database = await freshDatabase(...migrationsOf(stakingIndexerService));
  store = new EventStore({ pool: database.appPool });
  projection = new Subscription({ store, sink: projectionSink(store, stakingProjection) });
  await projection.start();
  source = new RpcChainSource(new JsonRpc(proxy.url), chain.book);
  const { chainId } = chain.book;
  follow = new FollowChain(store, source, { chainId, fromBlock: Number(chain.book.fromBlock) });
  guard = guardOf(new StakingTotals(store, chainId));
  const staker = await chain.staker('reconciled', 10n ** 20n);
  await chain.stake(staker, 5n);
  pool = await chain.createPool(staker);
  await chain.delegate(staker, pool, 2n * 10n ** 18n);
  await chain.anvil.mine(2);
  await catchUp();
});
afterEach(() => {
  halt = undefined;
  proxy.heal();
});
afterAll(async () => {
  await projection.stop();
  await store.close();
  await database.drop();
  await proxy.stop();
  await chain.anvil.stop();
});

async function catchUp(): Promise<void> {
  while ((await follow.step()).behind);
}

const guardOf = (reader: StakingTotals): PayoutGuard =>
  new PayoutGuard({ chainId: chain.book.chainId, store, source, reader, halted: async () => halt, holdsForMs: 60_000 });

const typesSaid = async (): Promise<(string | undefined)[]> => (await store.readStream(guard.streamId)).map(({ type }) => type.split('.')[3]);

async function thaw(reason: string): Promise<void> {
  const command = (nowMs: number) => ({ kind: 'thaw', chainId: chain.book.chainId, reason, actor: 'operator', nowMs }) as const;
  const done = await store.execute({ decider: reconciliationDecider, streamId: guard.streamId, command, metadata: { correlationId: 'test', actor: 'operator' } });
  expect(done.ok).toBe(true);
}

test('every total of the read models is compared with its contract at the same final block', async () => {
  const checked = await guard.check();
  expect(checked).toMatchObject({ ok: true, value: { differences: [] } });
  if (!checked.ok) return;
  const { block, compared } = checked.value;
  expect(block.number).toBe(Number(await chain.height()) - 2);
  const units = new Map(compared.map(({ total, contract }) => [total, contract]));
  const names = ['staked', 'locked', 'task-staked tasks/0192f0c1-2b3c-7def-8123-456789abcdef node', `pool-principal ${pool}`];
  expect(names.map((name) => units.get(name))).toEqual([5n, 10n ** 20n, 5n, 2n * 10n ** 18n]);
  expect(guard.seen).toEqual({ frozen: false, skipped: undefined });
  // It is said, for a while: who has heard of it lately may pay.
  expect(await guard.state()).toMatchObject({ passed: { asOf: block, checkedAtMs: checked.value.readAtMs, holdsForMs: 60_000 } });
});

test('while the chain is not followed, or positions are not told, nothing is said and what was said runs out', async () => {
  const before = await typesSaid();
  halt = { rule: 'providers-disagree', reason: 'block 7', lasting: false };
  expect(await guard.check()).toMatchObject({ ok: false, error: { rule: 'providers-disagree' } });
  expect(guard.seen).toEqual({ frozen: false, skipped: 'providers-disagree' });
  halt = undefined;
  // No such reactor ever gets anywhere, like one that stands at a position that contradicts the chain.
  expect(await guardOf(new StakingTotals(store, chain.book.chainId, ['positions'])).check()).toMatchObject({ ok: false, error: { rule: 'not-caught-up' } });
  expect(await typesSaid()).toEqual(before);
});

test('a follower whose facts are not what the contract says freezes payouts though it goes on by itself', async () => {
  const block = (await follow.step()).finalised;
  const step = { heads: {} as Step['heads'], indexed: block, finalised: block, behind: false };
  const refusal = (rule: string) => ({ code: 'failed-precondition', rule, message: 'facts up to block 7 make 4 staked, the contract says 5' }) as const;
  await guard.halted({ ...step, halted: refusal('truncated-answer') });
  expect(await guard.state()).not.toHaveProperty('frozen');
  await guard.halted({ ...step, halted: refusal('totals-differ') });
  expect(await guard.state()).toMatchObject({ frozen: { rule: 'totals-differ', asOf: block, reason: refusal('').message } });
  await thaw('the endpoint had lost a log');
});

test('that a state is gone, or that nobody answers, is a reason of its own and freezes nothing', async () => {
  proxy.bend(({ method }) => (method === 'eth_call' ? new Refusal(-32000, 'missing trie node') : undefined));
  expect(await guard.check()).toMatchObject({ ok: false, error: { rule: 'state-not-kept' } });
  proxy.break((response) => void response.writeHead(502).end());
  expect(await guard.check()).toMatchObject({ ok: false, error: { rule: 'endpoint-status' } });
  expect(guard.seen).toMatchObject({ frozen: false, skipped: 'endpoint-status' });
  proxy.heal();
  proxy.bend(({ method }) => (method === 'eth_call' ? new Refusal(3, 'execution reverted') : undefined));
  expect(await guard.check()).toMatchObject({ ok: false, error: { rule: 'endpoint-refused' } });
  proxy.heal();
  expect(await guard.check()).toMatchObject({ ok: true });
  expect(guard.seen).toMatchObject({ frozen: false, skipped: undefined });
});

test('a difference freezes payouts by an event that names it, once, until an operator thaws', async () => {
  proxy.bend(({ method, result }) => (method === 'eth_call' && BigInt(result as string) === 10n ** 20n ? pad(numberToHex(10n ** 20n - 1n)) : undefined));
  for (let times = 0; times < 2; times += 1) expect(await guard.check()).toMatchObject({ ok: true, value: { differences: [{ total: 'locked', readModel: 10n ** 20n, contract: 10n ** 20n - 1n }] } });
  const said = await typesSaid();
  expect(said.slice(-2)).toEqual(['thawed', 'frozen']);
  const frozen = (await store.readStream(guard.streamId)).slice(-1) as unknown as ReconciliationFrozen[];
  expect(frozen).toMatchObject([{ type: 'skein.staking.reconciliation.frozen.v1', data: { rule: 'totals-differ', differences: [{ total: 'locked' }] } }]);
  expect(frozen[0]!.data.reason).toContain('locked: the read model says 100000000000000000000, the contract 99999999999999999999');
  proxy.heal();
  // That they agree again is for an operator to find out.
  await guard.check();
  expect(await guard.state()).toMatchObject({ frozen: { rule: 'totals-differ' } });
  await thaw('the endpoint was wrong');
  expect(await guard.state()).not.toHaveProperty('frozen');
  expect(await guard.check()).toMatchObject({ ok: true, value: { differences: [] } });
  expect(await typesSaid()).toEqual([...said, 'thawed']);
});

test('a read model that has lost something is found by the next comparison', async () => {
  await database.appPool.query(`UPDATE staking.total SET units = units - 1 WHERE name = 'staked'`);
  expect(await guard.check()).toMatchObject({ ok: true, value: { differences: [{ total: 'staked', readModel: 4n, contract: 5n }] } });
  await database.appPool.query(`UPDATE staking.total SET units = units + 1 WHERE name = 'staked'`);
  await thaw('mended');
});
