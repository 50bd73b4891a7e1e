import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  ChallengeStartedSchema,
  EpochOpenedSchema,
  FinalValidationStartedSchema,
  type FinalStandingSchema,
  type ParticipantSchema,
  ScoringRequestedSchema,
  TaskCancelledSchema,
  TaskFinishedSchema,
  TaskOpenedSchema,
  TaskProposedSchema,
  TrainingStartedSchema,
} from '@skein/contracts/arena';
import type { RecordedEvent } from '@skein/events';
import { type PublicMessage, type Publication, publicMessage } from '@skein/messaging';
import { stakeBlockField } from '@skein/platform';
import { submissionName, taskName } from '../application/names.js';
import type { EpochEvent, ScoringRequested } from '../domain/epoch/epoch.events.js';
import type { FinalEvent, FinalRequested } from '../domain/final/final.events.js';
import { type Participant, nodesOf, validatorsOf } from '../domain/task/participants.policy.js';
import type { FinalStanding, TaskEvent, TaskFinished } from '../domain/task/task.events.js';
import { countedDelegation } from '../domain/reward/staker.policy.js';

const topic = 'arena.task.v1';
type Event = TaskEvent | EpochEvent | FinalEvent;

const participant = (one: Participant): MessageInitShape<typeof ParticipantSchema> => ({
  wallet: one.wallet,
  role: one.role,
  ownUnits: one.ownUnits.toString(),
  delegatedUnits: countedDelegation(one).toString(),
  sigmaPpm: one.sigmaPpm,
});

const standing = (taskId: string, { submissionId, ...rest }: FinalStanding): MessageInitShape<typeof FinalStandingSchema> => ({ ...rest, submission: submissionName(taskId, submissionId) });

type ScoringData = ScoringRequested['data'] | FinalRequested['data'];

function scoringRequested(data: ScoringData, round: number, purpose: 'epoch' | 'final'): MessageInitShape<typeof ScoringRequestedSchema> {
  const { taskId, policy, participants } = data;
  const { rules, schedule } = policy;
  return {
    scoringId: data.scoringId,
    task: taskName(taskId),
    taskRequestId: data.taskRequestId,
    round,
    purpose,
    dataSetSha256: data.dataSetSha256,
    dataSetRows: BigInt(data.dataSetRows),
    labelColumn: policy.dataSets.labelColumn,
    metric: policy.metric,
    validatorsPerSubmission: rules.validatorsPerSubmission,
    quorum: rules.quorum,
    consensus: rules.consensus,
    lambdaNano: rules.lambdaNano,
    toleranceNano: rules.toleranceNano,
    deadlineMs: BigInt(data.deadlineMs),
    earlyClose: schedule.earlyClose,
    assignmentIntervalSeconds: rules.assignmentIntervalSeconds,
    millisecondsPerRowMax: policy.limits.millisecondsPerRowMax,
    inputShape: [...policy.input.shape],
    outputShape: [...policy.output.shape],
    submissions: data.submissions.map(({ submissionId, ...rest }) => ({ ...rest, submission: submissionName(taskId, submissionId) })),
    validators: validatorsOf(participants).map(participant),
    nodes: nodesOf(participants).map(participant),
    requestedAtMs: BigInt(data.requestedAtMs),
    ...stakeBlockField(data.stakeBlock),
  };
}

function finished({ taskId, policy, ranking, winnerValidators, ...rest }: TaskFinished['data']): MessageInitShape<typeof TaskFinishedSchema> {
  const winner = ranking[0];
  return {
    task: taskName(taskId),
    creator: rest.creator,
    title: policy.title,
    metric: policy.metric,
    ...(winner ? { winner: standing(taskId, winner) } : {}),
    ranking: ranking.map((one) => standing(taskId, one)),
    finishedAtMs: BigInt(rest.finishedAtMs),
    inputShape: [...policy.input.shape],
    outputShape: [...policy.output.shape],
    trainingSha256: policy.dataSets.training.sha256,
    winnerValidators: winnerValidators.map(({ wallet, share }) => ({ wallet, shareE18: share.toString() })),
    epochs: policy.schedule.epochs,
  };
}

function lifecycle(event: RecordedEvent, { type, data }: Event): PublicMessage | undefined {
  const task = taskName(data.taskId);
  switch (type) {
    case 'skein.arena.task.proposed.v1': {
      const { creator, policy, proposedAtMs } = data;
      return publicMessage({ event, topic, schema: TaskProposedSchema, message: { task, creator, title: policy.title, metric: policy.metric, proposedAtMs: BigInt(proposedAtMs) } });
    }
    case 'skein.arena.task.approved.v1': {
      const { creator, policy, policyVersion, stakingDueAtMs, latestEndMs } = data;
      const { title, goal, metric, rules } = policy;
      const stakes = { nodeStakeMinUnits: rules.nodeStakeMinUnits.toString(), validatorStakeMinUnits: rules.validatorStakeMinUnits.toString() };
      const message = { task, creator, title, goal, metric, policyVersion, stakingDueAtMs: BigInt(stakingDueAtMs), latestEndMs: BigInt(latestEndMs), ...stakes };
      return publicMessage({ event, topic, schema: TaskOpenedSchema, type: 'skein.arena.task.opened.v1', message });
    }
    case 'skein.arena.task.training-started.v1':
      return publicMessage({ event, topic, schema: TrainingStartedSchema, type: 'skein.arena.training.started.v1', message: { task, participants: data.participants.map(participant), epochs: data.epochs, ...stakeBlockField(data.stakeBlock) } });
    case 'skein.arena.task.final-validation-started.v1':
      return publicMessage({ event, topic, schema: FinalValidationStartedSchema, type: 'skein.arena.final-validation.started.v1', message: { task } });
    case 'skein.arena.task.challenge-started.v1': {
      const message = { task, challengeDueAtMs: BigInt(data.challengeDueAtMs), ranking: data.ranking.map((one) => standing(data.taskId, one)) };
      return publicMessage({ event, topic, schema: ChallengeStartedSchema, type: 'skein.arena.challenge.started.v1', message });
    }
    case 'skein.arena.task.finished.v1':
      return publicMessage({ event, topic, schema: TaskFinishedSchema, message: finished(data) });
    case 'skein.arena.task.cancelled.v1':
      return publicMessage({ event, topic, schema: TaskCancelledSchema, message: { task, reason: data.reason } });
    default:
      return undefined;
  }
}

function rounds(event: RecordedEvent, { type, data }: Event): PublicMessage | undefined {
  switch (type) {
    case 'skein.arena.epoch.opened.v1':
      return publicMessage({ event, topic, schema: EpochOpenedSchema, message: { task: taskName(data.taskId), epoch: data.epoch, commitDueAtMs: BigInt(data.commitDueAtMs), ...stakeBlockField(data.stakeBlock) } });
    case 'skein.arena.epoch.scoring-requested.v1':
      return publicMessage({ event, topic, schema: ScoringRequestedSchema, type: 'skein.arena.scoring.requested.v1', message: scoringRequested(data, data.epoch, 'epoch') });
    case 'skein.arena.final.scoring-requested.v1':
      return publicMessage({ event, topic, schema: ScoringRequestedSchema, type: 'skein.arena.scoring.requested.v1', message: scoringRequested(data, data.round, 'final') });
    default:
      return undefined;
  }
}

/** Lives of tasks and what is to be scored. */
export const tasksPublication: Publication = {
  name: 'tasks',
  topic,
  types: [
    'skein.arena.task.proposed.v1',
    'skein.arena.task.approved.v1',
    'skein.arena.task.training-started.v1',
    'skein.arena.task.final-validation-started.v1',
    'skein.arena.task.challenge-started.v1',
    'skein.arena.task.finished.v1',
    'skein.arena.task.cancelled.v1',
    'skein.arena.epoch.opened.v1',
    'skein.arena.epoch.scoring-requested.v1',
    'skein.arena.final.scoring-requested.v1',
  ],
  map(recorded) {
    const event = { type: recorded.type, data: recorded.data } as Event;
    return lifecycle(recorded, event) ?? rounds(recorded, event);
  },
};
