import { EventStore, eventsMigrations, projectionSink, Subscription } from '@skein/events';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import type { ChainEvent } from '../src/domain/chain/chain.events.js';
import type { BlockRef, ChainFact, Fact } from '../src/domain/facts.js';
import { snapshotPage, type SnapshotPlace } from '../src/projections/snapshot.queries.js';
import { stakingProjection } from '../src/projections/staking.projection.js';
import { StakingQueries } from '../src/projections/staking.queries.js';
import { blockOf, finalised, moved, observed, started } from './chain-fixtures.js';

/** A fact of block `number` as the log's order has it; each lies in a transaction of its own. */
export const placed = (fact: Fact, number: number, logIndex: number, branch = 'a', tx = `${number}-${logIndex}`): ChainFact => ({
  ...blockPlace(blockOf(number, branch)),
  blockTimeMs: timeOf(number),
  logIndex,
  txHash: `0x${tx}`,
  ordinal: 0,
  fact,
});
const blockPlace = ({ number, hash }: BlockRef): { blockNumber: number; blockHash: string } => ({ blockNumber: number, blockHash: hash });
export const timeOf = (number: number): number => 1_800_000_000_000 + number * 2_000;

/** A store with the read model over it, fed with the chain's events by hand. */
export class TestIndexer {
  readonly database: TestDatabase;
  readonly store: EventStore;
  readonly queries: StakingQueries;
  #started = false;

  private constructor(database: TestDatabase) {
    this.database = database;
    this.store = new EventStore({ pool: database.appPool });
    this.queries = new StakingQueries(database.appPool);
  }

  static async open(): Promise<TestIndexer> {
    return new TestIndexer(await freshDatabase(eventsMigrations));
  }

  async append(...events: readonly ChainEvent[]): Promise<void> {
    const all = this.#started ? events : [started(), ...events];
    this.#started = true;
    for (let at = 0; at < all.length; at += 200)
      await this.store.append('chain-31337', 'any', all.slice(at, at + 200), { correlationId: 'test', actor: 'test' });
  }

  /** As a follower records blocks that were final when they were first read. */
  async backfill(facts: readonly ChainFact[], final: number): Promise<void> {
    const asOf = blockOf(final);
    const events: ChainEvent[] = [];
    for (let at = 0; at < facts.length; at += 50) events.push({ type: 'skein.staking.facts.finalised.v1', data: { facts: facts.slice(at, at + 50), asOf } });
    await this.append(...events, moved(asOf, asOf));
  }

  /** As a follower records block by block, each fact pending first. */
  async live(facts: readonly ChainFact[], final: number): Promise<void> {
    for (const [number, its] of Map.groupBy(facts, ({ blockNumber }) => blockNumber)) {
      const asOf = blockOf(number);
      await this.append(...its.map(observed), moved(asOf, blockOf(number - 1)), ...its.map((fact) => finalised(fact, asOf)), moved(asOf, asOf));
    }
    await this.append(moved(blockOf(final), blockOf(final)));
  }

  async catchUp(batchSize = 256): Promise<void> {
    await new Subscription({ store: this.store, sink: projectionSink(this.store, stakingProjection), batchSize }).catchUp();
  }

  async snapshot(block: number, limit = 7): Promise<string[]> {
    const lines: string[] = [];
    let place: SnapshotPlace | undefined = { table: 0 };
    while (place !== undefined) {
      const page: Awaited<ReturnType<typeof snapshotPage>> = await snapshotPage(this.queries.ledger, block, place, limit);
      lines.push(...page.lines);
      place = page.next;
    }
    return lines;
  }

  async close(): Promise<void> {
    await this.store.close();
    await this.database.drop();
  }
}
