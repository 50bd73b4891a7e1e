import { file_skein_federation_v1_service } from '@skein/contracts/federation';
import { JobWorker, TimerWorker } from '@skein/events';
import type { DueTimer, Projection, ReportError } from '@skein/events';
import { METRICS, POOL, StakeCopyFrontier, stakeCopyAge } from '@skein/platform';
import type { ServiceContext, ServiceDefinition, Worker } from '@skein/platform';
import type { Pool } from 'pg';
import { DEADLINE, JOB } from './application/effects.js';
import type { PhaseDeadline, RoundWork } from './application/effects.js';
import { FederationDesk } from './application/federation-desk.js';
import { ManifestIntake } from './application/manifest-intake.js';
import { STAKES, UPDATE_READS } from './application/ports.js';
import { TaskReading } from './application/reading.js';
import { RoundJobs } from './application/round-jobs.js';
import { TaskSignals } from './application/task-signals.js';
import { WeightArtifacts } from './application/weight-artifacts.js';
import { federationUpcasters } from './domain/upcasters.js';
import { ForeignChanges } from './infrastructure/foreign-changes.js';
import { StakeCopy } from './infrastructure/stake-copy.js';
import { UpdateReadTable } from './infrastructure/update-read-table.js';
import { FederatedTaskApi } from './interface/federated-task.api.js';
import { FederationNodeApi } from './interface/federation-node.api.js';
import { StakesConsumer } from './interface/stakes.consumer.js';
import { federationProjection } from './projections/federation.projection.js';
import { FederationQueries } from './projections/federation.queries.js';
import { federationPublication } from './publish/federation.publication.js';

/** Every read model of this service. */
export const federationProjections: readonly Projection[] = [federationProjection];

const named = (name: string, part: { start(): Promise<void>; stop(): Promise<void> }): Worker => ({ name, start: () => part.start(), stop: () => part.stop() });

function jobWorkers(pool: Pool, jobs: RoundJobs, onError: ReportError): Worker[] {
  const run = (kind: string, work: (payload: RoundWork, jobId: string) => Promise<void>): Worker =>
    named(kind, new JobWorker({ pool, kind, onError, handle: (job) => work(job.payload as RoundWork, job.id) }));
  return [
    run(JOB.openRound, (payload, id) => jobs.openRound(payload, id)),
    run(JOB.aggregate, (payload, id) => jobs.aggregate(payload, id)),
    run(JOB.exportModel, (payload, id) => jobs.exportModel(payload, id)),
  ];
}

function workers(context: ServiceContext): Worker[] {
  const { logger } = context;
  const pool = context.get<Pool>(POOL);
  const jobs = context.get(RoundJobs);
  const onError: ReportError = (error, where) => logger.error({ err: error, where }, 'background work failed, it goes on');
  const deadline = (timer: DueTimer): Promise<void> => jobs.deadline(timer.payload as PhaseDeadline, timer.dueAtMs);
  return [
    named('federation-timers', new TimerWorker({ pool, handlers: { [DEADLINE]: deadline }, onError })),
    ...jobWorkers(pool, jobs, onError),
    stakeCopyAge(context.get(StakeCopyFrontier), context.get(METRICS)),
  ];
}

/** Federated tasks, rounds, roles, contributions, votes and global models. */
export const flAggregatorService: ServiceDefinition = {
  name: 'fl-aggregator',
  contexts: [file_skein_federation_v1_service],
  migrations: [new URL('../src/migrations/', import.meta.url)],
  providers: [
    StakeCopy,
    { provide: STAKES, useExisting: StakeCopy },
    { provide: UPDATE_READS, useClass: UpdateReadTable },
    TaskSignals,
    ForeignChanges,
    WeightArtifacts,
    ManifestIntake,
    TaskReading,
    FederationDesk,
    RoundJobs,
    FederationQueries,
    StakesConsumer,
    { provide: StakeCopyFrontier, useFactory: (pool: Pool) => new StakeCopyFrontier(pool), inject: [POOL] },
  ],
  apis: [FederatedTaskApi, FederationNodeApi],
  projections: federationProjections,
  archive: { closedBy: ['skein.federation.task.finished.v1', 'skein.federation.model.exported.v1'], afterDays: 30 },
  upcasters: federationUpcasters,
  publications: [federationPublication],
  consumers: (context) => [
    { group: 'fl-aggregator.stakes', handlers: [context.get(StakesConsumer).handler, context.get(StakeCopyFrontier).handler], policy: 'park' },
  ],
  workflows: (context) => [{ name: 'federated-round', open: (limit) => context.get(FederationQueries).openRounds(limit) }],
  workers,
  artifacts: true,
};
