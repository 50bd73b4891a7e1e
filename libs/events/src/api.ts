import type { Pool } from 'pg';
import type { EventStore } from './store.js';
import type { DueTimer, Job, Projection, Reactor, ReportError, Sink } from './types.js';

export interface SubscriptionOptions {
  store: EventStore;
  sink: Sink;
  batchSize?: number;
  leaseMs?: number;
  pollMs?: number;
  onError?: ReportError;
}
export declare class Subscription {
  readonly name: string;
  constructor(options: SubscriptionOptions);
  start(): Promise<void>;
  stop(): Promise<void>;
  lag(): Promise<bigint>;
  catchUp(): Promise<bigint>;
}
export declare function projectionSink(store: EventStore, projection: Projection): Sink;
export declare function reactorSink(reactor: Reactor): Sink;
export declare function waitForPosition(pool: Pool, subscription: string, position: bigint, timeoutMs: number): Promise<boolean>;
export interface ProjectionComparison {
  projection: string;
  position: bigint;
  tables: number;
  rows: number;
  equal: boolean;
  differences: { table: string; side: 'live' | 'rebuilt'; row: unknown }[];
}
export declare function compareProjection(store: EventStore, projection: Projection): Promise<ProjectionComparison>;
export declare function rebuildProjection(store: EventStore, projection: Projection): Promise<{ position: bigint }>;
export interface JobWorkerOptions {
  pool: Pool;
  kind: string;
  concurrency?: number;
  leaseMs?: number;
  pollMs?: number;
  maxAttempts?: number;
  handle(job: Job, context: { heartbeat: (progress?: unknown) => Promise<void>; signal: AbortSignal }): Promise<void>;
  onError?: ReportError;
}
export declare class JobWorker {
  constructor(options: JobWorkerOptions);
  start(): Promise<void>;
  stop(): Promise<void>;
}
export interface TimerWorkerOptions {
  pool: Pool;
  handlers: Readonly<Record<string, (timer: DueTimer) => Promise<void>>>;
  leaseMs?: number;
  pollMs?: number;
  onError?: ReportError;
}
export declare class TimerWorker {
  constructor(options: TimerWorkerOptions);
  start(): Promise<void>;
  stop(): Promise<void>;
}
