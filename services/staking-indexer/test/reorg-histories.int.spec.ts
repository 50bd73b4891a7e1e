import { EventStore, projectionSink, Subscription } from '@skein/events';
import { startAnvil } from '@skein/embedded';
import { DeterministicRandom, sha256 } from '@skein/kernel';
import { migrationsOf } from '@skein/platform';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import type { ChainClient } from '@skein/contracts-evm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FollowChain, type Step } from '../src/application/follow-chain.js';
import { PayoutGuard } from '../src/application/payout-guard.js';
import { JsonRpc } from '../src/infrastructure/json-rpc.js';
import { RpcChainSource } from '../src/infrastructure/rpc-chain-source.js';
import { stakingIndexerService, stakingProjection } from '../src/index.js';
import { StakingTotals } from '../src/projections/totals.reader.js';
import { TestChain } from './chain.js';
import { FINAL_DEPTH, ForkingChain } from './forking-chain.js';

// Histories of forks: a slice of them each day, a thousand others in `npm run test:deep`.
const SEED = Number(process.env['DEEP_SEED'] ?? 1);
const CASES = Number(process.env['REORG_CASES'] ?? (process.env['DEEP_SEED'] === undefined ? 15 : 1_000));

let chain: TestChain;
let wallets: ChainClient[];
let database: TestDatabase;
let store: EventStore;
let follow: FollowChain;
let guard: PayoutGuard;
let projection: Subscription;

beforeAll(async () => {
  chain = await TestChain.over(await startAnvil({ blockTimeSeconds: 0, statesKept: 400, slotsPerEpoch: FINAL_DEPTH / 2 }));
  wallets = [];
  for (const label of ['one', 'two', 'three', 'four']) wallets.push(await chain.staker(`fork-${label}`, 10n ** 24n));
  database = await freshDatabase(...migrationsOf(stakingIndexerService));
  store = new EventStore({ pool: database.appPool });
  projection = new Subscription({ store, sink: projectionSink(store, stakingProjection) });
  await projection.start();
  follow = follower();
  guard = new PayoutGuard({ chainId: chain.book.chainId, store, source: source(), reader: new StakingTotals(store, chain.book.chainId) });
});
afterAll(async () => {
  await projection.stop();
  await store.close();
  await database.drop();
  await chain.anvil.stop();
});

const source = (): RpcChainSource => new RpcChainSource(new JsonRpc(chain.anvil.rpcUrl), chain.book);
const follower = (): FollowChain => new FollowChain(store, source(), { chainId: chain.book.chainId, fromBlock: Number(chain.book.fromBlock) });

async function catchUp(): Promise<Step> {
  for (;;) {
    const step = await follow.step();
    if (!step.behind) return step;
  }
}

const bySum = (rows: readonly { wallet: string; units: string }[]): Map<string, bigint> => new Map(rows.map(({ wallet, units }) => [wallet, BigInt(units)]));

/** Stakes of each wallet as the read model has them: final, and with what is pending. */
async function readModel(): Promise<{ final: Map<string, bigint>; pending: Map<string, bigint> }> {
  const sum = (from: string) => database.appPool.query<{ wallet: string; units: string }>(`SELECT wallet, sum(units)::text AS units FROM (${from}) s GROUP BY wallet`);
  const final = 'SELECT wallet, units FROM staking.stake';
  return { final: bySum((await sum(final)).rows), pending: bySum((await sum(`${final} UNION ALL SELECT wallet, staked FROM staking.pending WHERE wallet IS NOT NULL`)).rows) };
}

/** What the contract says of each wallet at both heads. */
async function compare({ heads, halted }: Step): Promise<void> {
  expect(halted).toBeUndefined();
  await projection.catchUp();
  const { final, pending } = await readModel();
  for (const client of wallets) {
    const wallet = `eip155:${chain.book.chainId}:${client.address.toLowerCase()}`;
    const [atFinal, atSafe] = [await chain.stakeAt(client, heads.finalised.number), await chain.stakeAt(client, heads.safe.number)];
    expect([wallet, final.get(wallet) ?? 0n, pending.get(wallet) ?? 0n]).toEqual([wallet, atFinal, atSafe]);
  }
}

test(`${CASES} histories of forks down to the final block: balances are the contract's after each`, { timeout: 3_600_000 }, async () => {
  const random = new DeterministicRandom(sha256(new TextEncoder().encode(`reorg ${SEED}`)));
  const forking = new ForkingChain(chain, wallets, random);
  await forking.mine(FINAL_DEPTH * 2);
  await compare(await catchUp());
  const startedMs = performance.now();
  for (let at = 0; at < CASES; at += 1) {
    await forking.grow(1 + forking.draw(4));
    await forking.mine(forking.draw(FINAL_DEPTH));
    if (forking.draw(4) > 0) await catchUp();
    // Mostly deeper than the safe block: what lies above has not been read.
    await forking.fork(FINAL_DEPTH - forking.draw(forking.draw(3) === 0 ? FINAL_DEPTH : FINAL_DEPTH / 4));
    // A follower that was killed meanwhile knows no more than its stream.
    if (forking.draw(8) === 0) follow = follower();
    if (forking.draw(2) === 0) await forking.mine(forking.draw(FINAL_DEPTH * 2));
    await compare(await catchUp());
  }
  const msPerCase = (performance.now() - startedMs) / CASES;
  if (process.env['REORG_CASES'] !== undefined || process.env['DEEP_SEED'] !== undefined) process.stdout.write(`${CASES} forks, ${msPerCase.toFixed(0)} ms each\n`);
  const reverted = await store.readAll(0n, 10_000, ['skein.staking.blocks.reverted.v1']);
  expect(reverted.length).toBeGreaterThan(CASES / 20);
  await forking.mine(FINAL_DEPTH + 1);
  await compare(await catchUp());
  const checked = await guard.check();
  expect(checked).toMatchObject({ ok: true, value: { differences: [] } });
});

test('a fork below the final block stops the chain and freezes payouts; nothing final changes', async () => {
  await chain.stake(wallets[0]!, 5n);
  await chain.mineAtOnce(FINAL_DEPTH + 4);
  await compare(await catchUp());
  const before = (await readModel()).final;
  await chain.reorg(FINAL_DEPTH + 8);
  const step = await catchUp();
  expect([step.halted?.rule, step.lasting]).toEqual(['finality-violated', true]);
  await guard.halted(step);
  expect(await guard.state()).toMatchObject({ frozen: { rule: 'finality-violated', differences: [] } });
  await chain.mineAtOnce(FINAL_DEPTH * 2);
  follow = follower();
  expect((await catchUp()).halted?.rule).toBe('finality-violated');
  await projection.catchUp();
  expect((await readModel()).final).toEqual(before);
});
