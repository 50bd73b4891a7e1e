import { file_skein_arena_v1_case_service, file_skein_arena_v1_service } from '@skein/contracts/arena';
import { file_skein_arena_internal_v1_service } from '@skein/contracts/arena/internal';
import type { EventStore } from '@skein/events';
import { JobWorker, type Projection, type ReportError, Subscription, TimerWorker, reactorSink } from '@skein/events';
import {
  type ConsumerDefinition, EVENT_STORE, METRICS, POOL, PayoutFreeze, payoutFreezeHandlers, type ServiceContext, type ServiceDefinition, StakeCopyFrontier, type Worker, stakeCopyAge,
} from '@skein/platform';
import type pg from 'pg';
import { AdmissionHandler } from './application/admission.js';
import { ArenaProcess } from './application/arena-process.js';
import { ADMISSION_JOB, EpochCommands } from './application/epoch-commands.js';
import { CaseCommands } from './application/case-commands.js';
import { EvaluationGrants } from './application/evaluation-grants.js';
import { ACTIVE_TASKS, STAKES } from './application/ports.js';
import { TaskCommands } from './application/task-commands.js';
import { TimerHandlers } from './application/timer-handlers.js';
import { arenaUpcasters } from './domain/upcasters.js';
import { PoolCopy } from './infrastructure/pool-copy.js';
import { StakeCopy } from './infrastructure/stake-copy.js';
import { CasesConsumer } from './interface/events/cases.consumer.js';
import { PoolsConsumer } from './interface/events/pools.consumer.js';
import { StakesConsumer } from './interface/events/stakes.consumer.js';
import { VerdictsConsumer } from './interface/events/verdicts.consumer.js';
import { CaseApi } from './interface/grpc/case.api.js';
import { InternalApi } from './interface/grpc/internal.api.js';
import { RewardApi } from './interface/grpc/reward.api.js';
import { SubmissionApi } from './interface/grpc/submission.api.js';
import { TaskApi } from './interface/grpc/task.api.js';
import { casesProjection } from './projections/cases.projection.js';
import { leaderboardProjection } from './projections/leaderboard.projection.js';
import { RewardQueries } from './projections/reward-queries.js';
import { rewardsProjection } from './projections/rewards.projection.js';
import { SubmissionQueries } from './projections/submission-queries.js';
import { submissionsProjection } from './projections/submissions.projection.js';
import { TaskQueries } from './projections/task-queries.js';
import { tasksProjection } from './projections/tasks.projection.js';
import { casesPublication } from './publish/cases.publication.js';
import { rewardsPublication } from './publish/rewards.publication.js';
import { submissionsPublication } from './publish/submissions.publication.js';
import { tasksPublication } from './publish/tasks.publication.js';

export const arenaProjections: readonly Projection[] = [tasksProjection, submissionsProjection, leaderboardProjection, rewardsProjection, casesProjection];
export const arenaPublications = [tasksPublication, submissionsPublication, rewardsPublication, casesPublication];

const named = (name: string, part: { start(): Promise<void>; stop(): Promise<void> }): Worker => ({ name, start: () => part.start(), stop: () => part.stop() });

/** Money follows from both topics, so a poisoned message stops its consumer instead of being skipped. */
function consumers(context: ServiceContext): ConsumerDefinition[] {
  const verdicts = context.get(VerdictsConsumer);
  return [
    { group: 'arena.stakes', handlers: [context.get(StakesConsumer).handler, ...context.get(PoolsConsumer).handlers, context.get(StakeCopyFrontier).handler, context.get(CasesConsumer).handler], policy: 'stop' },
    { group: 'arena.reconciliation', handlers: payoutFreezeHandlers(context.get(PayoutFreeze)), policy: 'stop' },
    { group: 'arena.verdicts', handlers: [verdicts.agreed, verdicts.failed], policy: 'stop' },
  ];
}

function workers(context: ServiceContext): Worker[] {
  const store = context.get<EventStore>(EVENT_STORE);
  const { pool } = store;
  const onError: ReportError = (error, where) => context.logger.error({ err: error, where }, 'background work failed, it goes on');
  const admission = context.get(AdmissionHandler);
  return [
    new Subscription({ store, sink: reactorSink(context.get(ArenaProcess)), onError }),
    named(ADMISSION_JOB, new JobWorker({ pool, kind: ADMISSION_JOB, concurrency: 2, handle: (job) => admission.handle(job), onError })),
    stakeCopyAge(context.get(StakeCopyFrontier), context.get(METRICS)),
    named('arena_timers', new TimerWorker({ pool, handlers: context.get(TimerHandlers).handlers, onError })),
  ];
}

/** Tasks, submissions, leaderboards and rewards of the competition. */
export const arenaService: ServiceDefinition = {
  name: 'arena',
  contexts: [file_skein_arena_v1_service, file_skein_arena_v1_case_service, file_skein_arena_internal_v1_service],
  migrations: [new URL('../src/migrations/', import.meta.url)],
  providers: [
    { provide: PayoutFreeze, useFactory: (pool: pg.Pool) => new PayoutFreeze(pool), inject: [POOL] },
    { provide: StakeCopyFrontier, useFactory: (pool: pg.Pool) => new StakeCopyFrontier(pool), inject: [POOL] },
    StakeCopy,
    PoolCopy,
    { provide: STAKES, useExisting: StakeCopy },
    TaskQueries,
    { provide: ACTIVE_TASKS, useExisting: TaskQueries },
    TaskCommands,
    EpochCommands,
    CaseCommands,
    ArenaProcess,
    AdmissionHandler,
    TimerHandlers,
    EvaluationGrants,
    SubmissionQueries,
    RewardQueries,
    StakesConsumer,
    PoolsConsumer,
    CasesConsumer,
    VerdictsConsumer,
  ],
  apis: [TaskApi, SubmissionApi, RewardApi, CaseApi, InternalApi],
  upcasters: arenaUpcasters,
  projections: arenaProjections,
  archive: { closedBy: ['skein.arena.task.finished.v1', 'skein.arena.task.cancelled.v1', 'skein.arena.epoch.closed.v1', 'skein.arena.epoch.cancelled.v1', 'skein.arena.final.concluded.v1', 'skein.arena.case.finalised.v1'], afterDays: 30 },
  publications: arenaPublications,
  consumers,
  workflows: (context) => [{ name: 'epoch', open: (limit) => context.get(RewardQueries).openEpochs(limit) }],
  workers,
  artifacts: true,
};
