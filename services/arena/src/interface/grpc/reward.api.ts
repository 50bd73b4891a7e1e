import type { MessageInitShape } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import {
  type GetWalletRewardsRequest,
  type ListEpochsRequest,
  type ListEpochsResponseSchema,
  type ListRewardsRequest,
  type ListRewardsResponseSchema,
  type RewardSchema,
  RewardService,
} from '@skein/contracts/arena';
import type { EventStore } from '@skein/events';
import { canonicalWallet } from '@skein/kernel';
import { EVENT_STORE, Rpc } from '@skein/platform';
import { parseTaskName, taskName } from '../../application/names.js';
import { fundedByEpochs, vested } from '../../domain/reward/vesting.policy.js';
import { type RewardRow, RewardQueries } from '../../projections/reward-queries.js';
import { awaitPosition } from './calls.js';
import { INTEGER, pageOf, parsePageToken } from './paging.js';

export const REWARD_ASSET = 'FLOCK';
const NIL = '00000000-0000-0000-0000-000000000000';
const ROLE = /^(node|validator)?$/;
const WALLET = /^eip155:\d{1,16}:0x[0-9a-f]{40}$/;
const UUID = /^[0-9a-f-]{36}$/;

/** What has vested by now, of the wallet's own part and of its pool's. Nothing before vesting has started. */
function vestedBy(row: RewardRow): bigint {
  if (row.vestingStartMs === 0) return 0n;
  const elapsedMs = row.nowMs - row.vestingStartMs;
  return vested(row.locked, elapsedMs, row.vestingDurationMs) + fundedByEpochs(row.poolLocked, elapsedMs, row.vestingDurationMs, row.epochMs);
}

const toProto = (row: RewardRow): MessageInitShape<typeof RewardSchema> => ({
  task: taskName(row.taskId),
  wallet: row.wallet,
  role: row.role,
  epoch: row.epoch,
  asset: REWARD_ASSET,
  paidUnits: row.paid.toString(),
  poolPaidUnits: row.poolPaid.toString(),
  lockedUnits: row.locked.toString(),
  poolLockedUnits: row.poolLocked.toString(),
  vestedUnits: vestedBy(row).toString(),
  vestingStartMs: BigInt(row.vestingStartMs),
  vestingDurationMs: BigInt(row.vestingDurationMs),
  rank: row.rank,
  shareE18: row.share.toString(),
  stakeShareE18: row.stakeShare.toString(),
});

@Injectable()
export class RewardApi {
  constructor(
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(RewardQueries) private readonly queries: RewardQueries,
  ) {}

  @Rpc(RewardService.method.listRewards)
  async listRewards(request: ListRewardsRequest): Promise<MessageInitShape<typeof ListRewardsResponseSchema>> {
    const taskId = parseTaskName(request.parent, 'parent');
    await awaitPosition(this.store, 'arena_rewards', request.minPosition);
    const size = request.pageSize || 100;
    const [epoch, role, wallet] = parsePageToken(request.pageToken, [INTEGER, ROLE, WALLET]) ?? ['0', '', ''];
    const rows = await this.queries.ofTask(taskId, [epoch!, role!, wallet!], size + 1);
    const { page, nextPageToken } = pageOf(rows, size, (row) => [row.epoch, row.role, row.wallet]);
    return { rewards: page.map(toProto), nextPageToken };
  }

  @Rpc(RewardService.method.getWalletRewards)
  async getWalletRewards(request: GetWalletRewardsRequest): Promise<MessageInitShape<typeof ListRewardsResponseSchema>> {
    await awaitPosition(this.store, 'arena_rewards', request.minPosition);
    const size = request.pageSize || 100;
    const [taskId, epoch, role] = parsePageToken(request.pageToken, [UUID, INTEGER, ROLE]) ?? [NIL, '0', ''];
    const rows = await this.queries.ofWallet(canonicalWallet(request.wallet), [taskId!, epoch!, role!], size + 1);
    const { page, nextPageToken } = pageOf(rows, size, (row) => [row.taskId, row.epoch, row.role]);
    return { rewards: page.map(toProto), nextPageToken };
  }

  @Rpc(RewardService.method.listEpochs)
  async listEpochs(request: ListEpochsRequest): Promise<MessageInitShape<typeof ListEpochsResponseSchema>> {
    const taskId = parseTaskName(request.parent, 'parent');
    await awaitPosition(this.store, 'arena_rewards', request.minPosition);
    const epochs = (await this.queries.epochs(taskId)).map((row) => ({
      number: row.number,
      phase: row.phase,
      rewardEpoch: row.rewardEpoch,
      mintedUnits: row.minted,
      carriedInUnits: row.carriedIn,
      paidUnits: row.paid,
      lockedUnits: row.locked,
      carriedOutUnits: row.carriedOut,
      nodesUnits: row.nodes,
      validatorsUnits: row.validators,
    }));
    return { epochs };
  }
}
