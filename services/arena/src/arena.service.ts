import { file_skein_arena_v1_service } from '@skein/contracts/arena';
import type { EventStore } from '@skein/events';
import { JobWorker, type Projection, type ReportError, Subscription, TimerWorker, projectionSink, reactorSink } from '@skein/events';
import { EVENT_STORE, type ServiceContext, type ServiceDefinition, type Worker } from '@skein/platform';
import { AdmissionHandler } from './application/admission.js';
import { ArenaProcess } from './application/arena-process.js';
import { ADMISSION_JOB, EpochCommands } from './application/epoch-commands.js';
import { ACTIVE_TASKS, STAKES } from './application/ports.js';
import { TaskCommands } from './application/task-commands.js';
import { TimerHandlers } from './application/timer-handlers.js';
import { StakeCopy } from './infrastructure/stake-copy.js';
import { TaskApi } from './interface/grpc/task.api.js';
import { TaskQueries } from './projections/task-queries.js';
import { tasksProjection } from './projections/tasks.projection.js';

export const arenaProjections: readonly Projection[] = [tasksProjection];

const named = (name: string, part: { start(): Promise<void>; stop(): Promise<void> }): Worker => ({ name, start: () => part.start(), stop: () => part.stop() });

function workers(context: ServiceContext): Worker[] {
  const store = context.get<EventStore>(EVENT_STORE);
  const { pool } = store;
  const onError: ReportError = (error, where) => context.logger.error({ err: error, where }, 'background work failed, it goes on');
  const admission = context.get(AdmissionHandler);
  return [
    ...arenaProjections.map((projection) => named(projection.name, new Subscription({ store, sink: projectionSink(store, projection), onError }))),
    named('arena_process', new Subscription({ store, sink: reactorSink(context.get(ArenaProcess)), onError })),
    named(ADMISSION_JOB, new JobWorker({ pool, kind: ADMISSION_JOB, concurrency: 2, handle: (job) => admission.handle(job), onError })),
    named('arena_timers', new TimerWorker({ pool, handlers: context.get(TimerHandlers).handlers, onError })),
  ];
}

/** Tasks, submissions, leaderboards and rewards of the competition. */
export const arenaService: ServiceDefinition = {
  name: 'arena',
  contexts: [file_skein_arena_v1_service],
  migrations: [new URL('../src/migrations/', import.meta.url)],
  providers: [
    StakeCopy,
    { provide: STAKES, useExisting: StakeCopy },
    TaskQueries,
    { provide: ACTIVE_TASKS, useExisting: TaskQueries },
    TaskCommands,
    EpochCommands,
    ArenaProcess,
    AdmissionHandler,
    TimerHandlers,
  ],
  apis: [TaskApi],
  workers,
  artifacts: true,
};
