import type { MessageInitShape } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import {
  StakingService,
  type DelegationSchema,
  type ListDelegationsRequest,
  type ListDelegationsResponseSchema,
  type ListPoolsRequest,
  type ListPoolsResponseSchema,
  type ListSigmaChangesRequest,
  type ListSigmaChangesResponseSchema,
} from '@skein/contracts/staking';
import { canonicalWallet } from '@skein/kernel';
import { Rpc } from '@skein/platform';
import { claimable, COUNTS_AFTER_EPOCHS, worth } from '../../domain/pool/pool-book.js';
import type { RowOf } from '../../projections/ledger/table.js';
import { ASK, DELEGATION, OWNER, POOL, POOL_EXIT, STAKE, TASK } from '../../projections/ledger/tables.js';
import type { AsOf } from '../../projections/staking.queries.js';
import { asOfField, pageSizeOf, poolOf, timeOf, waitingOf, walletOf } from './messages.js';
import { rowParts, tokenOf } from './page-token.js';
import { ReadView } from './read-view.js';

const HISTORY_MAX = 1_000;
/** Stakes of one wallet: the contract's limit. */
const STAKES_MAX = 256;

/** Pools, what is in them for whom, and the owners' shares. */
@Injectable()
export class PoolsApi {
  constructor(@Inject(ReadView) private readonly view: ReadView) {}

  @Rpc(StakingService.method.listPools)
  async listPools(request: ListPoolsRequest): Promise<MessageInitShape<typeof ListPoolsResponseSchema>> {
    const { ledger } = this.view.queries;
    const position = await this.view.seen(request.minPosition);
    const { block, epoch, ref } = await this.view.asOf(request);
    const owner = walletOf(request.owner);
    const where = { ...(owner === undefined ? {} : { owner }), ...(request.pool === '' ? {} : { pool: request.pool }) };
    const after = rowParts(request.pageToken, 1);
    const limit = pageSizeOf(request.pageSize);
    const rows = await ledger.rows(POOL, { where, limit: limit + 1, block, ...(after === undefined ? {} : { after }) });
    const page = rows.slice(0, limit);
    const pools = [];
    for (const row of page) pools.push(poolOf(row, (await ledger.row(OWNER, { owner: row.owner }, block))?.pool === row.pool, epoch));
    return { pools, nextPageToken: rows.length > limit ? tokenOf([page.at(-1)!.pool]) : '', position, ...asOfField(ref) };
  }

  @Rpc(StakingService.method.listDelegations)
  async listDelegations(request: ListDelegationsRequest): Promise<MessageInitShape<typeof ListDelegationsResponseSchema>> {
    const position = await this.view.seen(request.minPosition);
    const asOf = await this.view.asOf(request);
    const delegator = walletOf(request.delegator);
    const where = { ...(delegator === undefined ? {} : { delegator }), ...(request.pool === '' ? {} : { pool: request.pool }) };
    const after = rowParts(request.pageToken, 2);
    const limit = pageSizeOf(request.pageSize);
    const query = { where, limit: limit + 1, block: asOf.block, ...(after === undefined ? {} : { after }) };
    const rows = await this.view.queries.ledger.rows(DELEGATION, query);
    const page = rows.slice(0, limit);
    const delegations = [];
    for (const row of page) delegations.push(await this.#delegation(row, asOf));
    const last = page.at(-1);
    const nextPageToken = rows.length > limit && last !== undefined ? tokenOf([last.pool, last.delegator]) : '';
    return { delegations, nextPageToken, position, ...asOfField(asOf.ref) };
  }

  async #delegation(row: RowOf<typeof DELEGATION>, { block, epoch = 0 }: AsOf): Promise<MessageInitShape<typeof DelegationSchema>> {
    const { ledger } = this.view.queries;
    const of = { pool: row.pool, delegator: row.delegator };
    const pool = (await ledger.row(POOL, { pool: row.pool }, block))!;
    const asks = (await ledger.rows(ASK, { where: of, limit: HISTORY_MAX, descending: true, block })).filter((ask) => !ask.counts);
    const exits = (await ledger.rows(POOL_EXIT, { where: of, limit: HISTORY_MAX, descending: true, block })).filter((exit) => exit.paid === null);
    const index = { principalIndex: pool.principal_index };
    // As the contract has it: what counts by time is in, what is asked out and does not count yet is not free.
    const counting = (at: number): boolean => at + COUNTS_AFTER_EPOCHS <= epoch;
    const shares = asks.reduce((sum, ask) => (counting(ask.epoch) ? sum + ask.shares_in - ask.shares_out : sum), row.shares);
    const free = asks.reduce((sum, ask) => (counting(ask.epoch) ? sum : sum - ask.shares_out), shares);
    return {
      ...of,
      principalUnits: worth(row.held, index).toString(),
      freeUnits: worth(free, index).toString(),
      shares: shares.toString(),
      credit: row.credit.toString(),
      claimableUnits: claimable(row, pool.reward_index).toString(),
      delegatedUnits: row.delegated.toString(),
      claimedUnits: row.claimed.toString(),
      lostUnits: row.lost.toString(),
      waiting: asks.filter((ask) => !counting(ask.epoch)).reverse().map((ask) => waitingOf({ epoch: ask.epoch, sharesIn: ask.shares_in, sharesOut: ask.shares_out })),
      exits: exits.reverse().map((exit) => ({
        id: exit.exit_id.toString(), shares: exit.shares.toString(), units: worth(exit.shares, index).toString(), epoch: BigInt(exit.epoch), paidFromMs: BigInt(exit.paid_from_ms),
      })),
      delegatedAtMs: timeOf(row.delegated_at_ms),
    };
  }

  @Rpc(StakingService.method.listSigmaChanges)
  async listSigmaChanges(request: ListSigmaChangesRequest): Promise<MessageInitShape<typeof ListSigmaChangesResponseSchema>> {
    const { ledger } = this.view.queries;
    const owner = canonicalWallet(request.owner);
    const position = await this.view.seen(request.minPosition);
    const versions = await ledger.versions(OWNER, { owner }, HISTORY_MAX);
    const now = versions.at(-1);
    const stakes = await ledger.rows(STAKE, { where: { wallet: owner }, limit: STAKES_MAX * 4 });
    const taskEnds = [];
    for (const taskId of new Set(stakes.filter(({ units }) => units > 0n).map(({ task_id }) => task_id))) {
      const task = await ledger.row(TASK, { task_id: taskId });
      if (task !== undefined) taskEnds.push({ task: `tasks/${taskId}`, endMs: BigInt(task.ended_at_ms ?? task.latest_end_ms), status: task.status });
    }
    return {
      changes: versions.map(({ sigma, since, changed_at_ms, announced, rises_at_ms }) => ({
        sigma, block: BigInt(since), changedAtMs: timeOf(changed_at_ms), announced: announced ?? 0, risesAtMs: timeOf(rises_at_ms),
      })),
      changedAtMs: timeOf(now?.changed_at_ms ?? null),
      announced: now?.announced ?? 0,
      risesAtMs: timeOf(now?.rises_at_ms ?? null),
      taskEnds,
      position,
    };
  }
}
