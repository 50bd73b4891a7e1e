import { file_skein_federation_v1_service } from '@skein/contracts/federation';
import { JobWorker, projectionSink, Subscription, TimerWorker } from '@skein/events';
import type { EventStore } from '@skein/events';
import { Relay, startConsumer } from '@skein/messaging';
import type { EventLog, RunningConsumer } from '@skein/messaging';
import { EVENT_LOG, EVENT_STORE, POOL } from '@skein/platform';
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
import { StakeCopy } from './infrastructure/stake-copy.js';
import { UpdateReadTable } from './infrastructure/update-read-table.js';
import { FederatedTaskApi } from './interface/federated-task.api.js';
import { FederationNodeApi } from './interface/federation-node.api.js';
import { federationProjection } from './projections/federation.projection.js';
import { FederationQueries } from './projections/federation.queries.js';
import { federationPublication } from './publish/federation.publication.js';

function jobWorkers(pool: Pool, jobs: RoundJobs, context: ServiceContext): Worker[] {
  const run = (kind: string, work: (payload: RoundWork, jobId: string) => Promise<void>): Worker => {
    const onError = (error: unknown, where: string): void => context.logger.error({ err: error, where }, 'a job failed');
    const worker = new JobWorker({ pool, kind, onError, handle: (job) => work(job.payload as RoundWork, job.id) });
    return { name: kind, start: () => worker.start(), stop: () => worker.stop() };
  };
  return [
    run(JOB.openRound, (payload, id) => jobs.openRound(payload, id)),
    run(JOB.aggregate, (payload, id) => jobs.aggregate(payload, id)),
    run(JOB.exportModel, (payload, id) => jobs.exportModel(payload, id)),
  ];
}

function stakeConsumer(log: EventLog, pool: Pool, copy: StakeCopy, context: ServiceContext): Worker {
  let running: RunningConsumer | undefined;
  const group = 'fl-aggregator.stakes';
  return {
    name: group,
    start: async () => {
      running = await startConsumer({ log, pool, group, handlers: [copy.handler], policy: 'park', logger: context.logger });
    },
    stop: async () => running?.stop(),
    ready: () => running?.alive() ?? false,
  };
}

function workers(context: ServiceContext): Worker[] {
  const pool = context.get<Pool>(POOL);
  const store = context.get<EventStore>(EVENT_STORE);
  const log = context.get<EventLog>(EVENT_LOG);
  const jobs = context.get(RoundJobs);
  const projection = new Subscription({ store, sink: projectionSink(store, federationProjection) });
  const relay = new Relay({ store, log, publications: [federationPublication] });
  const timers = new TimerWorker({
    pool,
    handlers: { [DEADLINE]: (timer) => jobs.deadline(timer.payload as PhaseDeadline, timer.dueAtMs) },
  });
  return [
    { name: 'federation-projection', start: () => projection.start(), stop: () => projection.stop() },
    relay,
    stakeConsumer(log, pool, context.get(StakeCopy), context),
    { name: 'federation-timers', start: () => timers.start(), stop: () => timers.stop() },
    ...jobWorkers(pool, jobs, context),
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
    WeightArtifacts,
    ManifestIntake,
    TaskReading,
    FederationDesk,
    RoundJobs,
    FederationQueries,
  ],
  apis: [FederatedTaskApi, FederationNodeApi],
  projections: [federationProjection],
  workers,
  artifacts: true,
};
