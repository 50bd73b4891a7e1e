import { type Decider, type Rejection, type Result, ok, reject } from '@skein/kernel';
import type { TaskCommand } from './task.commands.js';
import type { TaskEvent } from './task.events.js';
import { nodesOf, validatorsOf } from './participants.policy.js';
import { checkPolicy } from './policy.check.js';
import { firstEpochAtMs, latestEndMs } from './task.policy.js';
import { type TaskState, evolveTask, initialTask } from './task.state.js';

type Decision = Result<readonly TaskEvent[], Rejection>;
type Command<K extends TaskCommand['kind']> = Extract<TaskCommand, { kind: K }>;

const wrongStatus = (state: TaskState, rule: string, what: string): Decision =>
  reject('failed-precondition', rule, `a task in status ${state.status} cannot ${what}`, 'name');

function propose({ taskId, requestId, creator, policy, nowMs }: Command<'propose'>, state: TaskState): Decision {
  if (state.status !== 'none') return reject('already-exists', 'task-exists', 'this task has been proposed before');
  const checked = checkPolicy(policy);
  if (!checked.ok) return checked;
  return ok([{ type: 'skein.arena.task.proposed.v1', data: { taskId, requestId, creator, policy, proposedAtMs: nowMs } }]);
}

function approve({ nowMs }: Command<'approve'>, state: TaskState): Decision {
  if (state.status !== 'draft') return wrongStatus(state, 'task-not-draft', 'be approved');
  const { schedule } = state.policy!;
  return ok([
    {
      type: 'skein.arena.task.approved.v1',
      data: {
        taskId: state.taskId,
        creator: state.creator,
        policyVersion: state.policyVersion + 1,
        policy: state.policy!,
        approvedAtMs: nowMs,
        stakingDueAtMs: nowMs + schedule.stakingSeconds * 1000,
        latestEndMs: latestEndMs(schedule, nowMs),
      },
    },
  ]);
}

function considerStart({ participants, stakeBlock, byOperator, nowMs }: Command<'consider-start'>, state: TaskState): Decision {
  if (state.status !== 'open') return byOperator ? wrongStatus(state, 'task-not-open', 'start training') : ok([]);
  const { schedule, rules } = state.policy!;
  const [nodes, validators] = [nodesOf(participants).length, validatorsOf(participants).length];
  const expectedReached =
    schedule.nodesExpected > 0 && schedule.validatorsExpected > 0 && nodes >= schedule.nodesExpected && validators >= schedule.validatorsExpected;
  const isDue = nowMs >= state.stakingDueAtMs;
  if (!byOperator && !expectedReached && !isDue) return ok([]);
  const enough = nodes >= 1 && validators >= rules.quorum;
  if (!enough && byOperator)
    return reject('failed-precondition', 'too-few-participants', `training needs a node and ${rules.quorum} validators; staked enough: ${nodes} and ${validators}`);
  if (!enough && !isDue) return ok([]);
  if (!enough)
    return ok([
      {
        type: 'skein.arena.task.cancelled.v1',
        data: { taskId: state.taskId, by: 'platform', reason: 'too few participants when the staking window ended', cancelledAtMs: nowMs, carriedUnits: 0n, epoch: 0 },
      },
    ]);
  const reason = byOperator ? 'operator' : expectedReached ? 'expected-reached' : 'deadline';
  const asOf = stakeBlock === undefined ? {} : { stakeBlock };
  const data = { taskId: state.taskId, reason, participants, ...asOf, epochs: schedule.epochs, startedAtMs: nowMs, firstEpochAtMs: firstEpochAtMs(schedule, nowMs) } as const;
  return ok([{ type: 'skein.arena.task.training-started.v1', data }]);
}

function recordEpoch({ kind: _, nowMs, ...data }: Command<'record-epoch'>, state: TaskState): Decision {
  if (state.status !== 'training' || data.epoch !== state.epoch) return ok([]);
  const { epochs, epochSeconds, earlyClose } = state.policy!.schedule;
  const isLast = data.epoch >= epochs;
  const nominalEndMs = state.firstEpochAtMs + data.epoch * epochSeconds * 1000;
  const next = isLast ? { nextEpoch: 0, nextEpochAtMs: 0 } : { nextEpoch: data.epoch + 1, nextEpochAtMs: earlyClose ? nowMs : Math.max(nowMs, nominalEndMs) };
  const recorded: TaskEvent = { type: 'skein.arena.task.epoch-recorded.v1', data: { ...data, taskId: state.taskId, ...next } };
  if (!isLast) return ok([recorded]);
  return ok([recorded, { type: 'skein.arena.task.final-validation-started.v1', data: { taskId: state.taskId, startedAtMs: nowMs } }]);
}

function beginChallenge({ kind: _, nowMs, ...data }: Command<'begin-challenge'>, state: TaskState): Decision {
  if (state.status !== 'final-validation') return ok([]);
  const challengeDueAtMs = nowMs + state.policy!.schedule.challengeSeconds * 1000;
  return ok([{ type: 'skein.arena.task.challenge-started.v1', data: { ...data, taskId: state.taskId, startedAtMs: nowMs, challengeDueAtMs } }]);
}

function finish({ nowMs }: Command<'finish'>, state: TaskState): Decision {
  if (state.status !== 'challenge' || nowMs < state.challengeDueAtMs) return ok([]);
  const { taskId, creator, ranking, winnerValidators, rewards } = state;
  const policy = state.policy!;
  const vestingDurationMs = policy.schedule.vestingSeconds * 1000;
  return ok([
    {
      type: 'skein.arena.task.finished.v1',
      data: { taskId, creator, policy, ranking, winnerValidators, rewards, finishedAtMs: nowMs, vestingStartMs: nowMs, vestingDurationMs },
    },
  ]);
}

function cancel({ by, reason, nowMs }: Command<'cancel'>, state: TaskState): Decision {
  if (state.status === 'none') return reject('not-found', 'task-not-found', 'there is no such task', 'name');
  if (by.kind === 'wallet' && by.wallet !== state.creator) return reject('permission-denied', 'not-the-creator', 'only the creator or the operator cancels a task');
  if (by.kind === 'wallet' && state.status !== 'draft') return wrongStatus(state, 'task-not-draft', 'be cancelled by its creator');
  if (!['draft', 'open', 'training'].includes(state.status)) return wrongStatus(state, 'task-past-training', 'be cancelled');
  const carriedUnits = state.lockedUnits + state.carriedUnits;
  const who = by.kind === 'operator' ? 'operator' : by.wallet;
  return ok([{ type: 'skein.arena.task.cancelled.v1', data: { taskId: state.taskId, by: who, reason, cancelledAtMs: nowMs, carriedUnits, epoch: state.epoch } }]);
}

function decide(command: TaskCommand, state: TaskState): Decision {
  if (command.kind === 'propose') return propose(command, state);
  if (state.status === 'none') return reject('not-found', 'task-not-found', 'there is no such task', 'name');
  switch (command.kind) {
    case 'approve':
      return approve(command, state);
    case 'consider-start':
      return considerStart(command, state);
    case 'record-epoch':
      return recordEpoch(command, state);
    case 'begin-challenge':
      return beginChallenge(command, state);
    case 'finish':
      return finish(command, state);
    case 'cancel':
      return cancel(command, state);
  }
}

/** The life of one task: draft → open → training → final-validation → challenge → finished, or cancelled. Stream `task-<id>`. */
export const taskDecider: Decider<TaskState, TaskCommand, TaskEvent> = { initialState: () => initialTask, decide, evolve: evolveTask };

export const taskStream = (taskId: string): string => `task-${taskId}`;
