import type { MessageInitShape } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import type { AddressBook } from '@skein/contracts-evm';
import {
  StakingService,
  type AddressBookSchema,
  type ChainStatusSchema,
  type GetPositionRequest,
  type GetTotalsRequest,
  type ListStakeChangesRequest,
  type ListStakeChangesResponseSchema,
  type ListStakesRequest,
  type ListStakesResponseSchema,
  type PositionSchema,
  type ReconciliationSchema,
  type TotalsSchema,
} from '@skein/contracts/staking';
import type { EventStore } from '@skein/events';
import { canonicalWallet, unwrap } from '@skein/kernel';
import { EVENT_STORE, Rpc } from '@skein/platform';
import type { ChainSource } from '../../application/chain-source.js';
import type { ChainStatus, ChainStatusBoard } from '../../application/chain-status.js';
import { reconcile } from '../../application/reconcile.js';
import { ADDRESS_BOOK, CHAIN_SOURCE, CHAIN_STATUS } from '../../application/tokens.js';
import { FEDERATION, MEMBER, STAKE } from '../../projections/ledger/tables.js';
import { StakingTotals } from '../../projections/totals.reader.js';
import { asOfField, lockOf, memberOf, pageSizeOf, refOf, stakeOf, taskIdOf, unavailable } from './messages.js';
import { pageToken, readPageToken } from './page-token.js';
import { ReadView } from './read-view.js';

const LOCKS_MAX = 1_000;
const CHANGES_MAX = 1_000;
/** Stakes of one wallet: the contract's limit is 256 at a time. */
const STAKES_MAX = 1_000;

/** Queries of the staking indexer. */
@Injectable()
export class StakingApi {
  constructor(
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(ReadView) private readonly view: ReadView,
    @Inject(CHAIN_STATUS) private readonly board: ChainStatusBoard,
    @Inject(CHAIN_SOURCE) private readonly source: ChainSource,
    @Inject(ADDRESS_BOOK) private readonly book: AddressBook,
  ) {}

  @Rpc(StakingService.method.getPosition)
  async getPosition(request: GetPositionRequest): Promise<MessageInitShape<typeof PositionSchema>> {
    const { queries } = this.view;
    const wallet = canonicalWallet(request.wallet);
    const position = await this.view.seen(request.minPosition);
    const asOf = await this.view.asOf(request);
    const stakes = await queries.stakes({ wallet, limit: STAKES_MAX }, asOf);
    const { locks, count, flock, gmFlock } = await queries.locksOf(wallet, LOCKS_MAX, asOf);
    const memberships = (await queries.ledger.rows(MEMBER, { where: { wallet }, limit: STAKES_MAX, block: asOf.block })).filter(({ stake }) => stake > 0n);
    const federationStakes = [];
    for (const member of memberships) federationStakes.push(memberOf(member, await queries.ledger.row(FEDERATION, { task_id: member.task_id }, asOf.block)));
    return {
      wallet,
      ...asOfField(asOf.ref),
      lockSummary: { count, flockUnits: flock.toString(), gmFlockUnits: gmFlock.toString() },
      locks: locks.map(lockOf),
      stakes: stakes.map(stakeOf),
      federationStakes,
      position,
    };
  }

  @Rpc(StakingService.method.listStakes)
  async listStakes(request: ListStakesRequest): Promise<MessageInitShape<typeof ListStakesResponseSchema>> {
    const { task, role, pageToken: token } = request;
    const after = token === '' ? undefined : readPageToken(token);
    const position = await this.view.seen(request.minPosition);
    const asOf = await this.view.asOf(request);
    const limit = pageSizeOf(request.pageSize);
    const filter = {
      ...(task === '' ? {} : { taskId: taskIdOf(task) }),
      ...(role === '' ? {} : { role }),
      ...(after === undefined ? {} : { after }),
      limit: limit + 1,
    };
    const rows = await this.view.queries.stakes(filter, asOf);
    const page = rows.slice(0, limit);
    return { stakes: page.map(stakeOf), nextPageToken: rows.length > limit ? pageToken(page.at(-1)!) : '', position, ...asOfField(asOf.ref) };
  }

  @Rpc(StakingService.method.listStakeChanges)
  async listStakeChanges(request: ListStakeChangesRequest): Promise<MessageInitShape<typeof ListStakeChangesResponseSchema>> {
    const position = await this.view.seen(request.minPosition);
    const key = { wallet: canonicalWallet(request.wallet), role: request.role, task_id: taskIdOf(request.task) };
    const versions = await this.view.queries.ledger.versions(STAKE, key, CHANGES_MAX);
    const changes = versions.map(({ since, units, slashed }) => ({ block: BigInt(since), units: units.toString(), slashedUnits: slashed.toString() }));
    return { changes, position };
  }

  @Rpc(StakingService.method.getTotals)
  async getTotals(request: GetTotalsRequest): Promise<MessageInitShape<typeof TotalsSchema>> {
    const position = await this.view.seen(request.minPosition);
    const asOf = await this.view.asOf(request);
    const rows = await this.view.queries.totals(request.task === '' ? undefined : taskIdOf(request.task), asOf);
    return {
      roles: rows.map(({ role, finalised, pending, wallets }) => ({
        role,
        finalisedUnits: finalised.toString(),
        pendingUnits: pending.toString(),
        wallets,
      })),
      finalisedUnits: rows.reduce((sum, { finalised }) => sum + finalised, 0n).toString(),
      ...asOfField(asOf.ref),
      position,
    };
  }

  @Rpc(StakingService.method.reconcile)
  async reconcile(): Promise<MessageInitShape<typeof ReconciliationSchema>> {
    const reader = new StakingTotals(this.store, this.book.chainId);
    const { block, compared, differences } = unwrap(await reconcile(this.source, reader));
    const staked = compared.find(({ total }) => total === 'staked');
    return {
      block: refOf(block),
      projectionUnits: String(staked?.readModel ?? 0),
      contractUnits: String(staked?.contract ?? 0),
      equal: differences.length === 0,
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
      haltedLasting: status.halted?.lasting ?? false,
      endpointsReached: status.agreement?.reached ?? 0,
      endpointsWanted: status.agreement?.wanted ?? 0,
      endpointsMissing: status.agreement?.missing ?? '',
    };
  }

  @Rpc(StakingService.method.getAddressBook)
  async getAddressBook(): Promise<MessageInitShape<typeof AddressBookSchema>> {
    const { chainId, ...contracts } = this.book;
    return { chainId: BigInt(chainId), ...contracts };
  }

  async #status(): Promise<ChainStatus> {
    const status = await this.board.read(this.book.chainId);
    if (status !== undefined) return status;
    throw unavailable('not-followed-yet', 'the chain has not been looked at yet');
  }
}
