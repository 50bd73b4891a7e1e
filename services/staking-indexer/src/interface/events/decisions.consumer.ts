import { toJson, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { ChallengeStartedSchema, EpochRewardedSchema, TaskCancelledSchema, TaskFinishedSchema, TaskOpenedSchema, VestingStartedSchema } from '@skein/contracts/arena';
import { canonicalJson, parseWallet, RejectionError } from '@skein/kernel';
import { onMessage, type Delivery, type DeliveryMetadata, type MessageHandler } from '@skein/messaging';
import type { DecidedReward, TakeDecisions } from '../../application/outbox/take-decisions.js';

const TASKS = 'arena.task.v1';
const REWARDS = 'arena.reward.v1';

const taskIdOf = (name: string): string => name.replace(/^tasks\//, '');
export const seconds = (ms: bigint): bigint => (ms + 999n) / 1000n;

export function unitsOf(text: string): bigint {
  if (/^\d{1,39}$/.test(text)) return BigInt(text);
  throw new RejectionError({ code: 'invalid-argument', rule: 'units', message: 'an amount is no number of base units' });
}

const rewardOf = (wallet: string, units: string, poolUnits: string): DecidedReward => ({
  account: parseWallet(wallet).address,
  units: unitsOf(units),
  poolUnits: unitsOf(poolUnits),
});

/** What a decision makes; a refusal for good is kept with the decision, and what comes behind it goes on. */
type Takes<D extends DescMessage> = (message: MessageShape<D>, metadata: DeliveryMetadata) => Promise<unknown>;

/** Makes handlers that never stop the consumer for what a decision says: only for what this code cannot do. */
export const taking = (decisions: TakeDecisions) => <D extends DescMessage>(topic: string, type: string, schema: D, take: Takes<D>): MessageHandler => {
  const [service] = topic.split('.');
  const handle = (message: MessageShape<D>, delivery: Delivery): Promise<void> => {
    const metadata = delivery.metadata(`service:${service}`);
    const told = { name: `${type}/${delivery.causationId}`, wanted: () => canonicalJson({ type, ...(toJson(schema, message) as object) }) };
    return decisions.orHold(told, metadata, () => take(message, metadata));
  };
  return onMessage({ topic, type, schema, handle }) as unknown as MessageHandler;
};

/** What services decide and the chain has to hear of. */
export function decisionHandlers(decisions: TakeDecisions): readonly MessageHandler[] {
  const on = taking(decisions);
  return [
    on(TASKS, 'skein.arena.task.opened.v1', TaskOpenedSchema, ({ task, latestEndMs }, metadata) =>
      decisions.intent({ kind: 'open-task', taskId: taskIdOf(task), latestEnd: seconds(latestEndMs) }, metadata)),
    // The challenge begins when the final validation has ended.
    on(TASKS, 'skein.arena.challenge.started.v1', ChallengeStartedSchema, ({ task }, metadata) =>
      decisions.intent({ kind: 'end-final-validation', taskId: taskIdOf(task) }, metadata)),
    on(TASKS, 'skein.arena.task.finished.v1', TaskFinishedSchema, ({ task }, metadata) => decisions.intent({ kind: 'finish-task', taskId: taskIdOf(task) }, metadata)),
    on(TASKS, 'skein.arena.task.cancelled.v1', TaskCancelledSchema, ({ task }, metadata) => decisions.intent({ kind: 'cancel-task', taskId: taskIdOf(task) }, metadata)),
    on(REWARDS, 'skein.arena.epoch.rewarded.v1', EpochRewardedSchema, ({ task, epoch, rewards }, metadata) =>
      decisions.paid(`${task}/epochs/${epoch}`, rewards.map(({ wallet, paidUnits, poolPaidUnits }) => rewardOf(wallet, paidUnits, poolPaidUnits)), metadata)),
    on(REWARDS, 'skein.arena.vesting.started.v1', VestingStartedSchema, ({ task, startMs, durationMs, rewards }, metadata) =>
      decisions.vesting(
        { taskId: taskIdOf(task), start: seconds(startMs), duration: seconds(durationMs) },
        rewards.map(({ wallet, lockedUnits, poolLockedUnits }) => rewardOf(wallet, lockedUnits, poolLockedUnits)),
        metadata,
      )),
  ];
}
