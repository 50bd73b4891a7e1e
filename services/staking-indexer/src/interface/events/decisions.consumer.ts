import { ChallengeStartedSchema, EpochRewardedSchema, TaskFinishedSchema, TaskOpenedSchema, VestingStartedSchema } from '@skein/contracts/arena';
import { parseWallet } from '@skein/kernel';
import { onMessage, type Delivery, type MessageHandler } from '@skein/messaging';
import type { DecidedReward, TakeDecisions } from '../../application/outbox/take-decisions.js';

const TASKS = 'arena.task.v1';
const REWARDS = 'arena.reward.v1';

const taskIdOf = (name: string): string => name.replace(/^tasks\//, '');
const seconds = (ms: bigint): bigint => (ms + 999n) / 1000n;
const actor = (delivery: Delivery) => delivery.metadata('service:arena');

const rewardOf = (wallet: string, units: string, poolUnits: string): DecidedReward => ({
  account: parseWallet(wallet).address,
  units: BigInt(units),
  poolUnits: BigInt(poolUnits),
});

/** What the arena decides and the chain has to hear of. */
export function decisionHandlers(decisions: TakeDecisions): readonly MessageHandler[] {
  return [
    onMessage({
      topic: TASKS,
      type: 'skein.arena.task.opened.v1',
      schema: TaskOpenedSchema,
      handle: ({ task, latestEndMs }, delivery) => decisions.intent({ kind: 'open-task', taskId: taskIdOf(task), latestEnd: seconds(latestEndMs) }, actor(delivery)),
    }),
    // The challenge begins when the final validation has ended.
    onMessage({
      topic: TASKS,
      type: 'skein.arena.challenge.started.v1',
      schema: ChallengeStartedSchema,
      handle: ({ task }, delivery) => decisions.intent({ kind: 'end-final-validation', taskId: taskIdOf(task) }, actor(delivery)),
    }),
    onMessage({
      topic: TASKS,
      type: 'skein.arena.task.finished.v1',
      schema: TaskFinishedSchema,
      handle: ({ task }, delivery) => decisions.intent({ kind: 'finish-task', taskId: taskIdOf(task) }, actor(delivery)),
    }),
    onMessage({
      topic: REWARDS,
      type: 'skein.arena.epoch.rewarded.v1',
      schema: EpochRewardedSchema,
      handle: ({ task, epoch, rewards }, delivery) =>
        decisions.paid(`${task}/epochs/${epoch}`, rewards.map(({ wallet, paidUnits, poolPaidUnits }) => rewardOf(wallet, paidUnits, poolPaidUnits)), actor(delivery)),
    }),
    onMessage({
      topic: REWARDS,
      type: 'skein.arena.vesting.started.v1',
      schema: VestingStartedSchema,
      handle: ({ task, startMs, durationMs, rewards }, delivery) =>
        decisions.vesting(
          { taskId: taskIdOf(task), start: seconds(startMs), duration: seconds(durationMs) },
          rewards.map(({ wallet, lockedUnits, poolLockedUnits }) => rewardOf(wallet, lockedUnits, poolLockedUnits)),
          actor(delivery),
        ),
    }),
  ] as unknown as readonly MessageHandler[];
}
