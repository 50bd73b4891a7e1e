import { decodePayload } from '@skein/kernel';
import { failpoint, withTrace } from '@skein/telemetry';
import type { Pool } from 'pg';
import { toJsonText } from './codec.js';
import { PositionFeed } from './feed.js';
import { CLAIM, deadlineOf, Turns } from './job-turns.js';
import { eventMetrics } from './metrics.js';
import { backoffMs, Pause } from './pause.js';
import { isRetriable } from './retriable.js';
import { inStoredTrace, storedTraceOf } from './tracing.js';
import { reportToStderr } from './transaction.js';
import type { Job, ReportError } from './types.js';

/** What a job's handler may do besides its work. */
export interface JobContext {
  /** Stores the progress, if given, and renews the lease (which also happens by itself); throws where the job has another worker now. */
  heartbeat: (progress?: unknown) => Promise<void>;
  /** Aborted when the lease is lost, when the worker has to stop now, and when the job's deadline passes. */
  signal: AbortSignal;
}

/** How jobs of one kind are worked off. */
export interface JobWorkerOptions {
  pool: Pool;
  kind: string;
  /** Jobs at once; default 1. */
  concurrency?: number;
  /** Default 15 s, renewed at a third of it. */
  leaseMs?: number;
  /** Longest wait without a notification; default 1 s. */
  pollMs?: number;
  /** A job that has failed so often is given up (state `failed`); default 20. What passes by itself (`isRetriable`) does not count and is retried without end. */
  maxAttempts?: number;
  /** Wait before the first retry, doubled with each one up to 30 s; default 200 ms. */
  retryMs?: number;
  /** How long `stop` waits for running jobs before it aborts them and gives them back; default 5 s. */
  drainMs?: number;
  /** Returning ends the job. At least once: the result is a command with the job's id as key. */
  handle(job: Job, context: JobContext): Promise<void>;
  onError?: ReportError;
}

interface JobRow {
  id: string;
  kind: string;
  payload: unknown;
  attempts: number;
  /** Those of the attempts that do not count. */
  retried: number;
  progress: unknown;
  lease_token: string;
  tenant: string;
  /** Database clock at the claim, epoch milliseconds. */
  now_ms: string;
}

/** Why a job was ended whose deadline has passed. */
class DeadlinePassed extends Error {}

/** Longest that a timer of the process can wait. */
const TIMER_MS_MAX = 2 ** 31 - 1;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).slice(0, 1_000);

/**
 * Works off the jobs of one kind; any number of workers in any number of processes. A payload's `tenant` (a text) gets it turns
 * between the tenants, its `deadlineMs` (epoch milliseconds, the database's clock) ends it when it has passed: before its start
 * it is not begun, during its run it is aborted, and either way it is done.
 */
export class JobWorker {
  readonly name: string;
  readonly #options: Required<JobWorkerOptions>;
  readonly #pause = new Pause();
  readonly #turns = new Turns();
  readonly #running = new Map<Promise<void>, AbortController>();
  #stopping = false;
  #loop: Promise<void> | undefined;
  #unlisten: (() => void) | undefined;

  constructor(options: JobWorkerOptions) {
    this.name = `job:${options.kind}`;
    this.#options = { concurrency: 1, leaseMs: 15_000, pollMs: 1_000, maxAttempts: 20, retryMs: 200, drainMs: 5_000, onError: reportToStderr, ...options };
  }

  /** Starts in the background. */
  async start(): Promise<void> {
    if (this.#loop) return;
    this.#stopping = false;
    // A job is written with an event, so news of events are news of jobs.
    this.#unlisten = PositionFeed.of(this.#options.pool).listen(() => this.#pause.wake());
    this.#loop = this.#run();
  }

  /** Takes no more jobs, lets the running ones end, and after `drainMs` gives back those that have not. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#pause.wake();
    await this.#loop;
    this.#loop = undefined;
    const late = setTimeout(() => {
      for (const controller of this.#running.values()) controller.abort(new Error('the worker stops'));
    }, this.#options.drainMs);
    await Promise.all(this.#running.keys());
    clearTimeout(late);
    this.#unlisten?.();
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#stopping) {
      try {
        const free = this.#options.concurrency - this.#running.size;
        const claimed = free > 0 ? await this.#claim(free) : 0;
        failures = 0;
        if (claimed === 0) await this.#pause.wait(this.#options.pollMs);
      } catch (error) {
        this.#options.onError(error, this.name);
        await this.#pause.wait(backoffMs((failures += 1), 100, 5_000));
      }
    }
  }

  async #claim(limit: number): Promise<number> {
    const { pool, kind, leaseMs } = this.#options;
    const session = await PositionFeed.of(pool).session();
    const { rows } = await pool.query<JobRow>({ name: 'es-job-claim', text: CLAIM, values: [kind, limit, leaseMs, session?.pid ?? null, session?.startedAt ?? null, this.#turns.order] });
    if (rows.length > 0) failpoint('job.claimed');
    for (const row of rows) {
      this.#turns.had(row.tenant);
      this.#begin(row);
    }
    return rows.length;
  }

  #begin(row: JobRow): void {
    const controller = new AbortController();
    const work: Promise<void> = this.#work(row, controller)
      .catch((error: unknown) => this.#options.onError(error, `${this.name} ${row.id}`))
      .finally(() => {
        this.#running.delete(work);
        this.#pause.wake();
      });
    this.#running.set(work, controller);
  }

  async #work(row: JobRow, controller: AbortController): Promise<void> {
    const { pool, handle, leaseMs, maxAttempts } = this.#options;
    const counted = row.attempts - row.retried;
    const heartbeat = (progress?: unknown): Promise<void> => this.#heartbeat(row, controller, progress);
    const beat = setInterval(() => void heartbeat().catch(() => undefined), leaseMs / 3);
    const aborted = new Promise<never>((_, rejectAborted) => controller.signal.addEventListener('abort', () => rejectAborted(controller.signal.reason)));
    aborted.catch(() => undefined);
    const { payload, traceparent } = storedTraceOf(row.payload);
    let ending: NodeJS.Timeout | undefined;
    try {
      // A taken-over job may have killed its workers every time.
      if (counted > maxAttempts) throw new Error(`given up after ${maxAttempts} attempts`);
      const leftMs = (deadlineOf(payload) ?? Infinity) - Number(row.now_ms);
      if (leftMs <= 0) throw new DeadlinePassed('its deadline had passed before it began');
      if (leftMs < TIMER_MS_MAX) ending = setTimeout(() => controller.abort(new DeadlinePassed('its deadline passed')), leftMs);
      const job = { id: row.id, kind: row.kind, payload: decodePayload(payload), attempts: row.attempts, progress: row.progress === null ? undefined : decodePayload(row.progress) };
      const attributes = { 'skein.job.id': row.id, 'skein.job.attempt': row.attempts };
      await Promise.race([inStoredTrace(pool, this.name, traceparent, attributes, () => handle(job, { heartbeat, signal: controller.signal })), aborted]);
      failpoint('job.handled');
      await this.#finish(row, 'done', null, 0);
      failpoint('job.finished');
    } catch (error) {
      if (error instanceof DeadlinePassed) return await this.#finish(row, 'done', messageOf(error), 0);
      if (this.#stopping && controller.signal.aborted) return await this.#finish(row, 'open', messageOf(error), 0, 1);
      eventMetrics(this.#options.pool).jobFailures.add(1, { kind: row.kind });
      withTrace(traceparent, () => this.#options.onError(error, `${this.name} ${row.id}`));
      const passes = isRetriable(error);
      await this.#finish(row, counted >= maxAttempts && !passes ? 'failed' : 'open', messageOf(error), backoffMs(row.attempts, this.#options.retryMs), passes ? 1 : 0);
    } finally {
      clearInterval(beat);
      clearTimeout(ending);
    }
  }

  async #heartbeat(row: JobRow, controller: AbortController, progress: unknown): Promise<void> {
    const session = await PositionFeed.of(this.#options.pool).session();
    const beaten = await this.#options.pool.query(
      `UPDATE es_job SET available_at = clock_timestamp() + $3 * interval '1 ms', progress = coalesce($4::json, progress), lease_pid = $5, lease_pid_started = $6
       WHERE id = $1 AND lease_token = $2`,
      [row.id, row.lease_token, this.#options.leaseMs, toJsonText(progress), session?.pid ?? null, session?.startedAt ?? null],
    );
    if (beaten.rowCount === 1) return;
    const lost = new Error(`job ${row.id} has another worker now`);
    controller.abort(lost);
    throw lost;
  }

  /** Without effect where somebody else has taken the job over. */
  async #finish(row: JobRow, state: 'done' | 'failed' | 'open', error: string | null, waitMs: number, retried = 0): Promise<void> {
    await this.#options.pool.query(
      `UPDATE es_job SET state = $3, error = $4, lease_token = NULL, lease_pid = NULL, lease_pid_started = NULL,
         available_at = clock_timestamp() + $5 * interval '1 ms', retried = retried + $6, finished_at = CASE WHEN $3 = 'open' THEN NULL ELSE clock_timestamp() END
       WHERE id = $1 AND lease_token = $2`,
      [row.id, row.lease_token, state, error, waitMs, retried],
    );
  }
}

/** How a job stands; undefined where there is none with this id. */
export interface JobStatus {
  id: string;
  kind: string;
  state: 'open' | 'done' | 'failed';
  attempts: number;
  progress: unknown;
  error: string | undefined;
}

/** Reads a job's state. */
export async function readJob(pool: Pool, id: string): Promise<JobStatus | undefined> {
  const { rows } = await pool.query<Omit<JobStatus, 'error'> & { error: string | null }>('SELECT id, kind, state, attempts, progress, error FROM es_job WHERE id = $1', [id]);
  const row = rows[0];
  return row && { ...row, progress: row.progress === null ? undefined : decodePayload(row.progress), error: row.error ?? undefined };
}
