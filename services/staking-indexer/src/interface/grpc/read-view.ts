import { Inject, Injectable } from '@nestjs/common';
import type { AddressBook } from '@skein/contracts-evm';
import { waitForPosition, type EventStore } from '@skein/events';
import { EVENT_STORE } from '@skein/platform';
import type { ChainTimes } from '../../application/chain-times.js';
import type { ChainStatusBoard } from '../../application/chain-status.js';
import { ADDRESS_BOOK, CHAIN_STATUS, CHAIN_TIMES, STAKING_QUERIES } from '../../application/tokens.js';
import { resolveAsOf, type AsOfRequest, type ResolvedAsOf } from '../../projections/as-of.js';
import { STAKING_VIEW } from '../../projections/staking.projection.js';
import type { Extent, StakingQueries } from '../../projections/staking.queries.js';
import { unavailable } from './messages.js';

const WAIT_MS = 5_000;

/** The read model as a call sees it: not before `min_position`, as of when it asks for. */
@Injectable()
export class ReadView {
  constructor(
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(STAKING_QUERIES) readonly queries: StakingQueries,
    @Inject(CHAIN_TIMES) private readonly times: ChainTimes,
    @Inject(CHAIN_STATUS) private readonly board: ChainStatusBoard,
    @Inject(ADDRESS_BOOK) private readonly book: AddressBook,
  ) {}

  /** Waits until the read model has seen the log up to `minPosition`; the position that it has seen. */
  async seen(minPosition: bigint): Promise<bigint> {
    if (!(await waitForPosition(this.store.pool, STAKING_VIEW, minPosition, WAIT_MS)))
      throw unavailable('not-caught-up', 'the read model has not caught up with min_position', 'min_position');
    const position = await this.queries.position();
    if (position === undefined) throw unavailable('not-followed-yet', 'the read model is being made');
    return position;
  }

  async asOf(request: AsOfRequest): Promise<ResolvedAsOf> {
    return resolveAsOf(this.queries, this.times, await this.#extent(), request);
  }

  /**
   * The follower's last look goes further than the log, which names blocks without facts now and then only. It counts once the
   * read model has everything that was in the log after that look.
   */
  async #extent(): Promise<Extent | undefined> {
    const status = await this.board.read(this.book.chainId);
    const head = await this.store.headPosition();
    const extent = await this.queries.progress();
    if (status === undefined || extent === undefined || ((await this.queries.position()) ?? 0n) < head) return extent;
    return status.indexedFinalised.number < extent.finalised.number ? extent : { ...extent, finalised: status.indexedFinalised };
  }

  async clock(): Promise<{ readonly genesisMs: number; readonly epochMs: number }> {
    const clock = await this.times.clock();
    if (clock === undefined) throw unavailable('no-clock', 'the chain cannot be asked for its epochs now');
    return clock;
  }

  /** Time of the last final block. */
  async finalTimeMs(): Promise<number> {
    const final = (await this.#extent())?.finalised;
    const timeMs = final && ((await this.times.timeOf(final.number)) ?? (await this.queries.timeAt(final.number)));
    if (timeMs === undefined) throw unavailable('not-followed-yet', 'no block is final yet');
    return timeMs;
  }
}
