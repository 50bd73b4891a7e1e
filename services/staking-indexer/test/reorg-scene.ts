import { EventStore, projectionSink, Subscription } from '@skein/events';
import { startAnvil } from '@skein/embedded';
import type { ChainClient } from '@skein/contracts-evm';
import { migrationsOf } from '@skein/platform';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import type { Hex } from 'viem';
import { expect } from 'vitest';
import { FollowChain, type Step } from '../src/application/follow-chain.js';
import { PayoutGuard } from '../src/application/payout-guard.js';
import { singlesOf, type ChainEvent } from '../src/domain/chain/chain.events.js';
import { JsonRpc } from '../src/infrastructure/json-rpc.js';
import { RpcChainSource } from '../src/infrastructure/rpc-chain-source.js';
import { readReceipts } from '../src/infrastructure/rpc-logs.js';
import { stakingIndexerService, stakingProjection } from '../src/index.js';
import { StakingTotals } from '../src/projections/totals.reader.js';
import { TestChain } from './chain.js';
import { FINAL_DEPTH } from './forking-chain.js';

/** Stakes by wallet. */
type Stakes = Map<string, bigint>;

const EVENTS_READ_MAX = 100_000;
const bySum = (rows: readonly { wallet: string; units: string }[]): Stakes => new Map(rows.map(({ wallet, units }) => [wallet, BigInt(units)]));

/** A devnet whose finality lags as anvil's does by default, four stakers, and a follower with its read model and its guard of payouts. */
export class ReorgScene {
  readonly chain: TestChain;
  readonly wallets: readonly ChainClient[];
  readonly guard: PayoutGuard;
  readonly #database: TestDatabase;
  readonly #store: EventStore;
  readonly #projection: Subscription;
  #follow: FollowChain;

  private constructor(chain: TestChain, wallets: readonly ChainClient[], database: TestDatabase) {
    const { book } = chain;
    const store = new EventStore({ pool: database.appPool });
    [this.chain, this.wallets, this.#database, this.#store] = [chain, wallets, database, store];
    this.#projection = new Subscription({ store, sink: projectionSink(store, stakingProjection) });
    this.guard = new PayoutGuard({ chainId: book.chainId, store, source: this.#source(), reader: new StakingTotals(store, book.chainId), halted: async () => undefined, holdsForMs: 600_000 });
    this.#follow = this.#follower();
  }

  static async start(): Promise<ReorgScene> {
    const chain = await TestChain.over(await startAnvil({ blockTimeSeconds: 0, statesKept: 4 * FINAL_DEPTH, slotsPerEpoch: FINAL_DEPTH / 2 }));
    const wallets: ChainClient[] = [];
    for (const label of ['one', 'two', 'three', 'four']) wallets.push(await chain.staker(`fork-${label}`, 10n ** 24n));
    await chain.mineAtOnce(FINAL_DEPTH * 2);
    const scene = new ReorgScene(chain, wallets, await freshDatabase(...migrationsOf(stakingIndexerService)));
    await scene.#projection.start();
    return scene;
  }

  async stop(): Promise<void> {
    await this.#projection.stop();
    await this.#store.close();
    await this.#database.drop();
    await this.chain.anvil.stop();
  }

  #source(): RpcChainSource {
    return new RpcChainSource(new JsonRpc(this.chain.anvil.rpcUrl), this.chain.book);
  }

  #follower(): FollowChain {
    const { chainId, fromBlock } = this.chain.book;
    return new FollowChain(this.#store, this.#source(), { chainId, fromBlock: Number(fromBlock) });
  }

  /** A follower that was killed knows no more than its stream. */
  restartFollower(): void {
    this.#follow = this.#follower();
  }

  async catchUp(): Promise<Step> {
    for (;;) {
      const step = await this.#follow.step();
      if (!step.behind) return step;
    }
  }

  /** Stakes of each wallet as the read model has them: final, and with what is pending. */
  async readModel(): Promise<{ final: Stakes; pending: Stakes }> {
    await this.#projection.catchUp();
    const sum = (from: string) => this.#database.appPool.query<{ wallet: string; units: string }>(`SELECT wallet, sum(units)::text AS units FROM (${from}) s GROUP BY wallet`);
    const final = 'SELECT wallet, units FROM staking.stake';
    return { final: bySum((await sum(final)).rows), pending: bySum((await sum(`${final} UNION ALL SELECT wallet, staked FROM staking.pending WHERE wallet IS NOT NULL`)).rows) };
  }

  /** Reads what there is; then both heads' balances are what the contract says of each wallet. */
  async compare(): Promise<void> {
    const { heads, halted } = await this.catchUp();
    if (halted !== undefined) throw new Error(`the chain halted: ${halted.rule}: ${halted.message}`);
    const { final, pending } = await this.readModel();
    for (const client of this.wallets) {
      const wallet = `eip155:${this.chain.book.chainId}:${client.address.toLowerCase()}`;
      const [atFinal, atSafe] = [await this.chain.stakeAt(client, heads.finalised.number), await this.chain.stakeAt(client, heads.safe.number)];
      expect([wallet, final.get(wallet) ?? 0n, pending.get(wallet) ?? 0n]).toEqual([wallet, atFinal, atSafe]);
    }
  }

  /** Times that blocks which had been read were undone. */
  async reverts(): Promise<number> {
    return (await this.#store.readAll(0n, EVENTS_READ_MAX, ['skein.staking.blocks.reverted.v1'])).length;
  }

  /** Whoever pays, pays by final facts: each of them still is in the block that it was final in. How many of them are stakes. */
  async finalFactsStand(): Promise<number> {
    const events = await this.#store.readAll(0n, EVENTS_READ_MAX, ['skein.staking.fact.finalised.v1', 'skein.staking.facts.finalised.v1']);
    const singles = events.flatMap(({ type, data }) => singlesOf({ type, data } as ChainEvent));
    const facts = singles.flatMap((event) => (event.type === 'skein.staking.fact.finalised.v1' ? [event.data] : []));
    const receipts = await readReceipts(new JsonRpc(this.chain.anvil.rpcUrl), [...new Set(facts.map(({ txHash }) => txHash as Hex))]);
    expect(facts.filter(({ txHash, blockHash }) => receipts.get(txHash as Hex)?.blockHash !== blockHash)).toEqual([]);
    return facts.filter(({ fact }) => fact.kind === 'staked').length;
  }
}
