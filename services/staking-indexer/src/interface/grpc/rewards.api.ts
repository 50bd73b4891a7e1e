import type { MessageInitShape } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import {
  StakingService,
  type FederationSchema,
  type GetFederationRequest,
  type ListPaymentsRequest,
  type ListPaymentsResponseSchema,
  type ListEmissionsRequest,
  type ListEmissionsResponseSchema,
  type ListRootsRequest,
  type ListRootsResponseSchema,
} from '@skein/contracts/staking';
import { canonicalWallet, RejectionError } from '@skein/kernel';
import { Rpc } from '@skein/platform';
import { epochAt } from '../../application/chain-times.js';
import { EMISSION, FEDERATION, MEMBER, PAID, ROOT, totalNames } from '../../projections/ledger/tables.js';
import { memberOf, pageSizeOf, taskIdOf, timeOf } from './messages.js';
import { ReadView } from './read-view.js';

const HISTORY_MAX = 1_000;
/** Wallets that one federated task takes: the contract's limit; those who left and came back are counted by row. */
const MEMBERS_MAX = 10_000;

/** What is minted, granted and paid. */
@Injectable()
export class RewardsApi {
  constructor(@Inject(ReadView) private readonly view: ReadView) {}

  @Rpc(StakingService.method.listEmissions)
  async listEmissions(request: ListEmissionsRequest): Promise<MessageInitShape<typeof ListEmissionsResponseSchema>> {
    const { queries } = this.view;
    const position = await this.view.seen(request.minPosition);
    const clock = await this.view.clock();
    const current = epochAt(clock, await this.view.finalTimeMs());
    const [from, limit] = [Number(request.fromEpoch), pageSizeOf(request.pageSize)];
    const rows = await queries.ledger.rows(EMISSION, { limit, ...(from === 0 ? {} : { after: [from - 1] }) });
    const minted = new Map(rows.map((row) => [row.epoch, row]));
    const epochs = Array.from({ length: Math.max(0, Math.min(limit, current - from + 1)) }, (_, at) => {
      const epoch = from + at;
      const row = minted.get(epoch);
      const state = row !== undefined ? 'minted' : epoch < current ? 'due' : 'running';
      const begins = BigInt(clock.genesisMs + epoch * clock.epochMs);
      return { epoch: BigInt(epoch), beginsAtMs: begins, state, units: row?.amount.toString() ?? '', mintedAtMs: timeOf(row?.minted_at_ms ?? null) };
    });
    const total = (await queries.sums([totalNames.minted])).get(totalNames.minted)?.units ?? 0n;
    return { epochs, totalMintedUnits: total.toString(), epochMs: BigInt(clock.epochMs), position };
  }

  @Rpc(StakingService.method.listRoots)
  async listRoots(request: ListRootsRequest): Promise<MessageInitShape<typeof ListRootsResponseSchema>> {
    const position = await this.view.seen(request.minPosition);
    const { rewards, fromEpoch } = request;
    const where = rewards === '' ? {} : { rewards };
    const after = [rewards, Number(fromEpoch) - 1];
    const rows = await this.view.queries.ledger.rows(ROOT, { where, limit: pageSizeOf(request.pageSize), ...(rewards !== '' && fromEpoch > 0n ? { after } : {}) });
    const roots = rows.map((row) => ({
      rewards: row.rewards, epoch: BigInt(row.epoch), root: row.root, sumUnits: row.sum.toString(), activeFromMs: BigInt(row.active_from_ms), vetoed: row.vetoed,
    }));
    return { roots, position };
  }

  @Rpc(StakingService.method.listPayments)
  async listPayments(request: ListPaymentsRequest): Promise<MessageInitShape<typeof ListPaymentsResponseSchema>> {
    const account = canonicalWallet(request.account);
    const position = await this.view.seen(request.minPosition);
    const versions = await this.view.queries.ledger.versions(PAID, { account }, HISTORY_MAX + 1);
    const before = new Map<string, { paid: bigint; fees: bigint }>();
    const payments = versions.map((row) => {
      const stream = `${row.rewards} ${row.task_id}`;
      const last = before.get(stream) ?? { paid: 0n, fees: 0n };
      before.set(stream, row);
      const amounts = { units: (row.paid - last.paid).toString(), feeUnits: (row.fees - last.fees).toString(), paidUnits: row.paid.toString() };
      return { rewards: row.rewards, task: row.task_id === '' ? '' : `tasks/${row.task_id}`, epoch: BigInt(row.epoch), block: BigInt(row.since), ...amounts };
    });
    // The one too many says what the next was more than.
    return { payments: payments.slice(-HISTORY_MAX), position };
  }

  @Rpc(StakingService.method.getFederation)
  async getFederation(request: GetFederationRequest): Promise<MessageInitShape<typeof FederationSchema>> {
    const position = await this.view.seen(request.minPosition);
    const { ledger } = this.view.queries;
    const taskId = taskIdOf(request.task);
    const task = await ledger.row(FEDERATION, { task_id: taskId });
    if (task === undefined) throw new RejectionError({ code: 'not-found', rule: 'not-found', message: `${request.task} is not on the chain`, field: 'task' });
    const members = await ledger.rows(MEMBER, { where: { task_id: taskId }, limit: MEMBERS_MAX });
    return {
      task: request.task,
      sponsor: task.sponsor,
      latestEndMs: BigInt(task.latest_end_ms),
      rounds: task.rounds,
      slashBps: task.slash_bps,
      thresholdUnits: task.threshold.toString(),
      round: task.round,
      roundOpen: task.round_open,
      poolFlockUnits: task.pool_flock.toString(),
      poolGmFlockUnits: task.pool_gm.toString(),
      finished: task.finished,
      members: members.filter(({ stake }) => stake > 0n).map((member) => memberOf(member, task)),
      position,
    };
  }
}
