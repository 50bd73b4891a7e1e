import type { Decider, DomainEvent, Rejection, Result } from '@skein/kernel';
import type { Pool } from 'pg';
import type {
  DueTimer, EventMetadata, Execute, Executed, Expected, InboxEntry, Job, Projection, Reactor, RecordedEvent, ReportError, Sink, Tx, Upcasters,
} from './types.js';

export interface EventStoreOptions {
  pool: Pool;
  upcasters?: Upcasters;
  cacheMax?: number;
  onError?: ReportError;
}
export declare class EventStore {
  readonly pool: Pool;
  constructor(options: EventStoreOptions);
  append(streamId: string, expected: Expected, events: readonly DomainEvent[], metadata: EventMetadata, commandId?: string): Promise<{ streamId: string; version: number }>;
  readStream(streamId: string, fromVersion?: number): Promise<RecordedEvent[]>;
  readAll(afterPosition: bigint, limit: number, types?: readonly string[]): Promise<RecordedEvent[]>;
  execute<S, C, E extends DomainEvent, A = undefined>(request: Execute<S, C, E, A>): Promise<Result<Executed<A>, Rejection>>;
  state<S, C, E extends DomainEvent>(decider: Decider<S, C, E>, streamId: string): Promise<{ state: S; version: number }>;
  headPosition(): Promise<bigint>;
  positionOf(streamId: string, version: number): Promise<bigint>;
  close(): Promise<void>;
}
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
export declare function inboxOnce(pool: Pool, entry: InboxEntry, effect: (tx: Tx) => Promise<void>): Promise<boolean>;
export declare function inTransaction<T>(pool: Pool, work: (tx: Tx) => Promise<T>): Promise<T>;
