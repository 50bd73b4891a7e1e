import type { Pool } from 'pg';
import type { DueTimer, Job, ReportError } from './types.js';

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
