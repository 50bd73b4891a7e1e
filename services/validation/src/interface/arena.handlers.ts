import { Inject, Injectable } from '@nestjs/common';
import { type ScoringRequested, ScoringRequestedSchema, type TaskFinished, TaskFinishedSchema } from '@skein/contracts/arena';
import { reject, unwrap } from '@skein/kernel';
import type { Delivery, MessageHandler } from '@skein/messaging';
import { isMetricId, metricStepNano } from '@skein/models';
import { SELF } from '../application/ports.js';
import { ScoringIntake } from '../application/scoring-intake.js';
import type { ScoringRequest } from '../application/scoring-request.js';
import { FinishedTaskTable } from '../infrastructure/finished-task-table.js';

const TOPIC = 'arena.task.v1';

/** What validation hears from the arena. */
@Injectable()
export class ArenaHandlers {
  readonly #intake: ScoringIntake;
  readonly #finished: FinishedTaskTable;

  constructor(@Inject(ScoringIntake) intake: ScoringIntake, @Inject(FinishedTaskTable) finished: FinishedTaskTable) {
    this.#intake = intake;
    this.#finished = finished;
  }

  readonly scoringRequested: MessageHandler<typeof ScoringRequestedSchema> = {
    topic: TOPIC,
    type: 'skein.arena.scoring.requested.v1',
    schema: ScoringRequestedSchema,
    handle: (message: ScoringRequested, delivery: Delivery) => this.#intake.open(requestOf(message), { metadata: delivery.metadata(SELF), inbox: delivery.inbox }),
  };

  readonly taskFinished: MessageHandler<typeof TaskFinishedSchema> = {
    topic: TOPIC,
    type: 'skein.arena.task.finished.v1',
    schema: TaskFinishedSchema,
    handle: (message: TaskFinished, delivery: Delivery) => this.#finished.note(message.task, delivery),
  };
}

function oneOf<T extends string>(value: string, allowed: readonly T[], field: string): T {
  const found = allowed.find((known) => known === value);
  return found ?? unwrap(reject('invalid-argument', 'known-enum', `${field} is none of ${allowed.join(', ')}`, field));
}

/** The message as the application takes it; stakes are what the arena counted when it asked. */
function requestOf(message: ScoringRequested): ScoringRequest {
  if (!isMetricId(message.metric)) return unwrap(reject('invalid-argument', 'known-enum', 'this metric is not known here', 'metric'));
  const nodes = new Set(message.nodes.map(({ wallet }) => wallet));
  const rows = Number(message.dataSetRows);
  return {
    scoringId: message.scoringId,
    task: message.task,
    taskRequestId: message.taskRequestId,
    round: message.round,
    purpose: oneOf(message.purpose, ['epoch', 'final'], 'purpose'),
    dataSetSha256: message.dataSetSha256,
    dataSetRows: rows,
    labelColumn: message.labelColumn,
    metric: message.metric,
    metricStepNano: metricStepNano(message.metric, rows),
    validatorsPerSubmission: message.validatorsPerSubmission,
    quorum: message.quorum,
    consensus: oneOf(message.consensus, ['median', 'mean'], 'consensus'),
    lambdaNano: message.lambdaNano,
    toleranceNano: message.toleranceNano,
    requestedAtMs: Number(message.requestedAtMs),
    deadlineMs: Number(message.deadlineMs),
    intervalSeconds: message.assignmentIntervalSeconds,
    millisecondsPerRowMax: message.millisecondsPerRowMax,
    inputShape: [...message.inputShape],
    outputShape: [...message.outputShape],
    submissions: message.submissions.map(({ submission, owner, artifactSha256, order }) => ({ submission, owner, artifactSha256, order })),
    validators: message.validators.filter(({ wallet }) => !nodes.has(wallet)).map(({ wallet, ownUnits, delegatedUnits }) => ({ wallet, stakeUnits: BigInt(ownUnits || '0') + BigInt(delegatedUnits || '0') })),
  };
}
