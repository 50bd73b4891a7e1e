import type { MessageInitShape } from '@bufbuild/protobuf';
import { EpochRewardedSchema, LockedRewardsDividedSchema, type LockedRewardSchema, VestingStartedSchema } from '@skein/contracts/arena';
import { type Publication, publicMessage } from '@skein/messaging';
import { stakeBlockField } from '@skein/platform';
import { taskName } from '../application/names.js';
import type { EpochClosed } from '../domain/epoch/epoch.events.js';
import type { ChallengeStarted, LockedReward, TaskFinished } from '../domain/task/task.events.js';

const topic = 'arena.reward.v1';
const asset = 'FLOCK';

function epochRewarded(data: EpochClosed['data']): MessageInitShape<typeof EpochRewardedSchema> {
  const totals = new Map(data.validators.map((one) => [one.wallet, one]));
  return {
    task: taskName(data.taskId),
    epoch: data.epoch,
    rewardEpoch: BigInt(data.rewardEpoch),
    asset,
    mintedUnits: data.mintedUnits.toString(),
    carriedInUnits: data.carriedInUnits.toString(),
    nodesUnits: data.nodesUnits.toString(),
    validatorsUnits: data.validatorsUnits.toString(),
    paidUnits: data.paidUnits.toString(),
    lockedUnits: data.lockedUnits.toString(),
    carriedOutUnits: data.carriedOutUnits.toString(),
    rewards: data.rewards.map(({ wallet, role, paidUnits, poolPaidUnits, rank, share }) => ({
      wallet,
      role,
      paidUnits: paidUnits.toString(),
      poolPaidUnits: poolPaidUnits.toString(),
      rank,
      shareE18: share.toString(),
      stakeShareE18: (role === 'validator' ? (totals.get(wallet)?.stakeShare ?? 0n) : 0n).toString(),
    })),
    ...stakeBlockField(data.stakeBlock),
  };
}

const locked = ({ wallet, rank, lockedUnits, poolLockedUnits }: LockedReward): MessageInitShape<typeof LockedRewardSchema> => ({
  wallet,
  rank,
  lockedUnits: lockedUnits.toString(),
  poolLockedUnits: poolLockedUnits.toString(),
});

/** Money: what each epoch minted and where it went, the division of the locked pool, the start of vesting. */
export const rewardsPublication: Publication = {
  name: 'rewards',
  topic,
  types: ['skein.arena.epoch.closed.v1', 'skein.arena.task.challenge-started.v1', 'skein.arena.task.finished.v1'],
  map(event) {
    const { type, data } = { type: event.type, data: event.data } as EpochClosed | ChallengeStarted | TaskFinished;
    const task = taskName(data.taskId);
    switch (type) {
      case 'skein.arena.epoch.closed.v1':
        return publicMessage({ event, topic, schema: EpochRewardedSchema, type: 'skein.arena.epoch.rewarded.v1', message: epochRewarded(data) });
      case 'skein.arena.task.challenge-started.v1': {
        const message = { task, asset, lockedUnits: data.lockedUnits.toString(), carriedUnits: data.carriedUnits.toString(), rewards: data.rewards.map(locked) };
        return publicMessage({ event, topic, schema: LockedRewardsDividedSchema, type: 'skein.arena.locked-rewards.divided.v1', message });
      }
      case 'skein.arena.task.finished.v1': {
        const message = { task, asset, startMs: BigInt(data.vestingStartMs), durationMs: BigInt(data.vestingDurationMs), rewards: data.rewards.map(locked) };
        return publicMessage({ event, topic, schema: VestingStartedSchema, type: 'skein.arena.vesting.started.v1', message });
      }
      default:
        return undefined;
    }
  },
};
