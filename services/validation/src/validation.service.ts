import type { Provider } from '@nestjs/common';
import { file_skein_validation_v1_service } from '@skein/contracts/validation';
import { type EventStore, JobWorker, reactorSink, Subscription, TimerWorker } from '@skein/events';
import { type ConsumerDefinition, EVENT_STORE, POOL, type ServiceContext, type ServiceDefinition, type Worker } from '@skein/platform';
import type { Pool } from 'pg';
import { Deadlines } from './application/deadlines.js';
import { type AssignmentWork, DUE, JOB } from './application/effects.js';
import { EvaluationDesk } from './application/evaluation-desk.js';
import { ManagedValidator } from './application/managed-validator.js';
import { EVALUATION_FILES, FINISHED_TASKS, PARTIES, RUNNER, SECRET_SCORES } from './application/ports.js';
import { ScoreReplay } from './application/score-replay.js';
import { ScoringIntake } from './application/scoring-intake.js';
import { verdictNotes } from './application/verdict-notes.reactor.js';
import { ArenaFiles } from './infrastructure/arena-files.js';
import { FinishedTaskTable } from './infrastructure/finished-task-table.js';
import { Runners } from './infrastructure/runners.js';
import { SecretScoreTable } from './infrastructure/secret-score-table.js';
import { UnclaimedParties } from './infrastructure/unclaimed-parties.js';
import { ArenaHandlers } from './interface/arena.handlers.js';
import { ValidatorApi } from './interface/validator.api.js';
import { VerdictApi } from './interface/verdict.api.js';
import { validationProjection } from './projections/validation.projection.js';
import { ValidationQueries } from './projections/validation.queries.js';
import { verdictPublication } from './publish/verdict.publication.js';
import { type ValidationSettings, validationSettings } from './validation.settings.js';

const providers: Provider[] = [
  EvaluationDesk,
  ScoringIntake,
  ManagedValidator,
  Deadlines,
  ScoreReplay,
  ArenaHandlers,
  ValidationQueries,
  FinishedTaskTable,
  { provide: FINISHED_TASKS, useExisting: FinishedTaskTable },
  { provide: EVALUATION_FILES, useClass: ArenaFiles },
  { provide: SECRET_SCORES, useClass: SecretScoreTable },
  { provide: PARTIES, useClass: UnclaimedParties },
  Runners,
  { provide: RUNNER, useExisting: Runners },
];

/** Starts the spares, and says what isolation this system does not allow. */
function runnersWorker(runners: Runners, { logger }: ServiceContext): Worker {
  return {
    name: 'runners',
    start: async () => {
      const { missing } = await runners.start();
      for (const text of missing) logger.warn({ isolation: false }, text);
    },
    stop: async () => undefined,
  };
}

function consumers(context: ServiceContext): ConsumerDefinition[] {
  const arena = context.get(ArenaHandlers);
  return [{ group: 'validation', handlers: [arena.scoringRequested, arena.taskFinished], policy: 'park' }];
}

function workers(context: ServiceContext): Worker[] {
  const pool = context.get<Pool>(POOL);
  const store = context.get<EventStore>(EVENT_STORE);
  const managed = context.get(ManagedValidator);
  const deadlines = context.get(Deadlines);
  const { RUNNER_FRESH_MAX: concurrency } = context.settings.own as ValidationSettings;
  const onError = (error: unknown, where: string): void => context.logger.error({ err: error, where }, 'background work failed, it goes on');
  const jobs = (kind: string, handle: (work: AssignmentWork, signal: AbortSignal) => Promise<void>): Worker =>
    new JobWorker({ pool, kind, concurrency, onError, handle: ({ payload }, { signal }) => handle(payload as AssignmentWork, signal) });
  return [
    new Subscription({ store, sink: reactorSink(verdictNotes(store)), onError }),
    jobs(JOB.evaluate, (work, signal) => managed.evaluate(work, signal)),
    jobs(JOB.reveal, (work) => managed.reveal(work)),
    new TimerWorker({ pool, handlers: { [DUE]: (timer) => deadlines.due(timer) }, onError }),
    runnersWorker(context.get(Runners), context),
  ];
}

/** Validation: draws validators, takes sealed scores, agrees on verdicts, does managed validators' work, replays scores. */
export const validationService: ServiceDefinition = {
  name: 'validation',
  contexts: [file_skein_validation_v1_service],
  migrations: [new URL('../src/migrations/', import.meta.url)],
  config: validationSettings,
  providers,
  apis: [ValidatorApi, VerdictApi],
  projections: [validationProjection],
  archive: { closedBy: ['skein.validation.verdict.agreed.v1', 'skein.validation.verdict.failed.v1'], afterDays: 30 },
  publications: [verdictPublication],
  consumers,
  workflows: (context) => [{ name: 'evaluation', open: (limit) => context.get(ValidationQueries).openEvaluations(limit) }],
  workers,
};
