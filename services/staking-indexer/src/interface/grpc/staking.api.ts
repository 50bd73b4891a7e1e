import { Inject, Injectable } from '@nestjs/common';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { AddressBook } from '@skein/contracts-evm';
import {
  StakingService,
  type AddressBookSchema,
  type BlockRefSchema,
  type ChainStatusSchema,
  type GetPositionRequest,
  type GetTotalsRequest,
  type ListStakesRequest,
  type ListStakesResponseSchema,
  type PositionSchema,
  type ReconciliationSchema,
  type StakeStateSchema,
  type TotalsSchema,
} from '@skein/contracts/staking';
import { waitForPosition, type EventStore } from '@skein/events';
import { canonicalWallet, RejectionError, unwrap } from '@skein/kernel';
import { EVENT_STORE, Rpc } from '@skein/platform';
import type { ChainSource } from '../../application/chain-source.js';
import type { ChainStatus, ChainStatusBoard } from '../../application/chain-status.js';
import { reconcile } from '../../application/reconcile.js';
import { ADDRESS_BOOK, CHAIN_SOURCE, CHAIN_STATUS, STAKING_QUERIES } from '../../application/tokens.js';
import type { BlockRef } from '../../domain/facts.js';
import { STAKING_VIEW } from '../../projections/staking.projection.js';
import type { LockRow, StakeRow, StakingQueries } from '../../projections/staking.queries.js';
import { pageToken, readPageToken } from './page-token.js';

const WAIT_MS = 5_000;
const LOCKS_MAX = 1_000;

const refOf = ({ number, hash }: BlockRef): MessageInitShape<typeof BlockRefSchema> => ({ number: BigInt(number), hash });

const stakeOf = ({ wallet, taskId, role, finalised, pending }: StakeRow): MessageInitShape<typeof StakeStateSchema> => ({
  wallet,
  task: `tasks/${taskId}`,
  role,
  finalisedUnits: finalised.toString(),
  pendingUnits: pending.toString(),
});

const lockOf = (lock: LockRow) => ({
  id: lock.id,
  flockUnits: lock.flock.toString(),
  gmFlockUnits: lock.gmFlock.toString(),
  flockUnitsRemaining: lock.flockRemaining.toString(),
  gmFlockUnitsRemaining: lock.gmFlockRemaining.toString(),
  multiplier: lock.multiplier,
  feeBps: lock.feeBps,
  unlockAtMs: BigInt(lock.unlockAtMs),
});

const taskIdOf = (name: string): string => name.slice('tasks/'.length);

/** Queries of the staking indexer. */
@Injectable()
export class StakingApi {
  constructor(
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(STAKING_QUERIES) private readonly queries: StakingQueries,
    @Inject(CHAIN_STATUS) private readonly board: ChainStatusBoard,
    @Inject(CHAIN_SOURCE) private readonly source: ChainSource,
    @Inject(ADDRESS_BOOK) private readonly book: AddressBook,
  ) {}

  @Rpc(StakingService.method.getPosition)
  async getPosition(request: GetPositionRequest): Promise<MessageInitShape<typeof PositionSchema>> {
    const wallet = canonicalWallet(request.wallet);
    const position = await this.#seen(request.minPosition);
    const [stakes, { locks, count, flock, gmFlock }] = [
      await this.queries.stakesOf(wallet),
      await this.queries.locksOf(wallet, LOCKS_MAX),
    ];
    return {
      wallet,
      ...(await this.#asOf()),
      lockSummary: { count, flockUnits: flock.toString(), gmFlockUnits: gmFlock.toString() },
      locks: locks.map(lockOf),
      stakes: stakes.map(stakeOf),
      position,
    };
  }

  @Rpc(StakingService.method.listStakes)
  async listStakes(request: ListStakesRequest): Promise<MessageInitShape<typeof ListStakesResponseSchema>> {
    const { task, role, pageToken: token } = request;
    const after = token === '' ? undefined : readPageToken(token);
    const position = await this.#seen(request.minPosition);
    const limit = request.pageSize === 0 ? 100 : request.pageSize;
    const rows = await this.queries.stakes({
      ...(task === '' ? {} : { taskId: taskIdOf(task) }),
      ...(role === '' ? {} : { role }),
      ...(after === undefined ? {} : { after }),
      limit: limit + 1,
    });
    const page = rows.slice(0, limit);
    return { stakes: page.map(stakeOf), nextPageToken: rows.length > limit ? pageToken(page.at(-1)!) : '', position };
  }

  @Rpc(StakingService.method.getTotals)
  async getTotals({ task, minPosition }: GetTotalsRequest): Promise<MessageInitShape<typeof TotalsSchema>> {
    const position = await this.#seen(minPosition);
    const rows = await this.queries.totals(task === '' ? undefined : taskIdOf(task));
    return {
      roles: rows.map(({ role, finalised, pending, wallets }) => ({
        role,
        finalisedUnits: finalised.toString(),
        pendingUnits: pending.toString(),
        wallets,
      })),
      finalisedUnits: rows.reduce((sum, { finalised }) => sum + finalised, 0n).toString(),
      ...(await this.#asOf()),
      position,
    };
  }

  @Rpc(StakingService.method.reconcile)
  async reconcile(): Promise<MessageInitShape<typeof ReconciliationSchema>> {
    const { store, source, board, book } = this;
    const totalAfter = (block: number): Promise<bigint> => this.queries.totalAfter(block);
    const parts = { chainId: book.chainId, store, source, board, view: STAKING_VIEW, totalAfter };
    const { block, projection, contract } = unwrap(await reconcile(parts));
    return {
      block: refOf(block),
      projectionUnits: projection.toString(),
      contractUnits: contract.toString(),
      equal: projection === contract,
    };
  }

  @Rpc(StakingService.method.getChainStatus)
  async getChainStatus(): Promise<MessageInitShape<typeof ChainStatusSchema>> {
    const status = await this.#status();
    return {
      chainId: BigInt(status.chainId),
      latest: refOf(status.latest),
      safe: refOf(status.safe),
      finalised: refOf(status.finalised),
      indexed: refOf(status.indexed),
      indexedFinalised: refOf(status.indexedFinalised),
      checkedAtMs: BigInt(status.checkedAtMs),
      haltedRule: status.halted?.rule ?? '',
      haltedReason: status.halted?.reason ?? '',
    };
  }

  @Rpc(StakingService.method.getAddressBook)
  async getAddressBook(): Promise<MessageInitShape<typeof AddressBookSchema>> {
    const { chainId, flock, gmFlock, gmExchange, taskStaking, fromBlock } = this.book;
    return { chainId: BigInt(chainId), flock, gmFlock, gmExchange, taskStaking, fromBlock };
  }

  async #status(): Promise<ChainStatus> {
    const status = await this.board.read(this.book.chainId);
    if (status !== undefined) return status;
    throw unavailable('not-followed-yet', 'the chain has not been looked at yet');
  }

  async #asOf(): Promise<{ asOf?: MessageInitShape<typeof BlockRefSchema> }> {
    const status = await this.board.read(this.book.chainId);
    return status === undefined ? {} : { asOf: refOf(status.indexedFinalised) };
  }

  /** Waits until the read model has seen the log up to `minPosition`; the position that it has seen. */
  async #seen(minPosition: bigint): Promise<bigint> {
    if (await waitForPosition(this.store.pool, STAKING_VIEW, minPosition, WAIT_MS)) return this.queries.position();
    throw unavailable('not-caught-up', 'the read model has not caught up with min_position', 'min_position');
  }
}

const unavailable = (rule: string, message: string, field?: string): RejectionError =>
  new RejectionError({ code: 'unavailable', rule, message, retriable: true, ...(field === undefined ? {} : { field }) });
