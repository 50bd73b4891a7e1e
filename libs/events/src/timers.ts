import { decodePayload } from '@skein/kernel';
import { failpoint, withTrace } from '@skein/telemetry';
import type { Pool } from 'pg';
import { PositionFeed } from './feed.js';
import { eventMetrics } from './metrics.js';
import { backoffMs, Pause } from './pause.js';
import { inStoredTrace, storedTraceOf } from './tracing.js';
import { reportToStderr } from './transaction.js';
import type { DueTimer, ReportError } from './types.js';

/** How durable timers are carried out. */
export interface TimerWorkerOptions {
  pool: Pool;
  /** By kind; timers of other kinds stay for others. At least once: give a command with a key made of the timer's id and due time. */
  handlers: Readonly<Record<string, (timer: DueTimer) => Promise<void>>>;
  /** A handler's time before another worker may try, too; default 15 s. */
  leaseMs?: number;
  /** Longest wait without a notification while nobody listens for them, four times that while somebody does; default 1 s. */
  pollMs?: number;
  /** Wait before the first retry, doubled with each one up to 30 s; default 200 ms. */
  retryMs?: number;
  onError?: ReportError;
}

interface TimerRow {
  id: string;
  kind: string;
  payload: unknown;
  due_at_ms: string;
  attempts: number;
  lease_token: string;
}

const BATCH = 8;

// Due timers, and those whose worker is gone: two looks, because one for both would read every timer there is. A few more
// candidates than wanted, as other workers may be taking the first ones at this moment; the row's lock decides.
export const CLAIM_TIMERS = `
  UPDATE es_timer t SET attempts = t.attempts + 1, lease_token = gen_random_uuid(), lease_pid = $4, lease_pid_started = $5,
    available_at = clock_timestamp() + $3 * interval '1 ms'
  FROM (SELECT id FROM es_timer
    WHERE id IN (
        (SELECT id FROM es_timer WHERE kind = ANY ($1) AND available_at <= statement_timestamp() ORDER BY available_at, id LIMIT $2 + 16)
        UNION ALL
        (SELECT id FROM es_timer WHERE lease_token IS NOT NULL AND kind = ANY ($1) AND NOT es_session_alive(lease_pid, lease_pid_started) LIMIT $2 + 16))
      AND (available_at <= statement_timestamp() OR (lease_token IS NOT NULL AND NOT es_session_alive(lease_pid, lease_pid_started)))
    ORDER BY available_at, id LIMIT $2 FOR UPDATE SKIP LOCKED) due
  WHERE t.id = due.id
  RETURNING t.id, t.kind, t.payload, t.due_at_ms, t.attempts, t.lease_token`;

// By the database's clock, of which this process only learns how long it has to wait; not at all where a worker has gone.
const NEXT = `
  SELECT CASE WHEN EXISTS (SELECT FROM es_timer WHERE lease_token IS NOT NULL AND kind = ANY ($1) AND NOT es_session_alive(lease_pid, lease_pid_started)) THEN 0
    ELSE ceil(extract(epoch FROM (SELECT min(available_at) FROM es_timer WHERE kind = ANY ($1)) - clock_timestamp()) * 1000)::float8 END AS wait_ms`;

/** Carries out durable timers when the database's clock says so; any number of workers. */
export class TimerWorker {
  readonly name = 'timers';
  readonly #options: Required<TimerWorkerOptions>;
  readonly #kinds: string[];
  readonly #pause = new Pause();
  #stopping = false;
  #loop: Promise<void> | undefined;
  #unlisten: (() => void) | undefined;

  constructor(options: TimerWorkerOptions) {
    this.#options = { leaseMs: 15_000, pollMs: 1_000, retryMs: 200, onError: reportToStderr, ...options };
    this.#kinds = Object.keys(options.handlers);
  }

  /** Starts in the background. */
  async start(): Promise<void> {
    if (this.#loop) return;
    this.#stopping = false;
    this.#unlisten = PositionFeed.of(this.#options.pool).listen(() => this.#pause.wake());
    this.#loop = this.#run();
  }

  /** Ends after the timers under way. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#pause.wake();
    await this.#loop;
    this.#loop = undefined;
    this.#unlisten?.();
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#stopping) {
      try {
        const waitMs = await this.#waitMs();
        const due = waitMs > 0 ? [] : await this.#claim();
        failures = 0;
        await Promise.all(due.map((row) => this.#fire(row)));
        if (due.length === 0) await this.#pause.wait(Math.max(1, waitMs));
      } catch (error) {
        this.#options.onError(error, this.name);
        await this.#pause.wait(backoffMs((failures += 1), 100, 5_000));
      }
    }
  }

  async #claim(): Promise<TimerRow[]> {
    const { pool, leaseMs } = this.#options;
    const session = await PositionFeed.of(pool).session();
    const { rows } = await pool.query<TimerRow>({ name: 'es-timer-claim', text: CLAIM_TIMERS, values: [this.#kinds, BATCH, leaseMs, session?.pid ?? null, session?.startedAt ?? null] });
    if (rows.length > 0) failpoint('timer.claimed');
    return rows;
  }

  /** 0 where there is something to claim. New timers come with events, which are told of: the poll makes up for what is not. */
  async #waitMs(): Promise<number> {
    const { pool, pollMs } = this.#options;
    const longestMs = (await PositionFeed.of(pool).session()) === undefined ? pollMs : pollMs * 4;
    const { rows } = await pool.query<{ wait_ms: number | null }>({ name: 'es-timer-next', text: NEXT, values: [this.#kinds] });
    return Math.min(longestMs, Math.max(0, rows[0]?.wait_ms ?? longestMs));
  }

  async #fire(row: TimerRow): Promise<void> {
    const { pool, handlers, retryMs, onError } = this.#options;
    const { payload, traceparent } = storedTraceOf(row.payload);
    try {
      const timer = { id: row.id, kind: row.kind, dueAtMs: Number(row.due_at_ms), payload: decodePayload(payload), attempts: row.attempts };
      await inStoredTrace(pool, `timer:${row.kind}`, traceparent, { 'skein.timer.id': row.id, 'skein.timer.attempt': row.attempts }, async () => handlers[row.kind]?.(timer));
      failpoint('timer.fired');
      // Not where the handler's command has set the timer again: that took the lease away.
      await pool.query('DELETE FROM es_timer WHERE id = $1 AND lease_token = $2', [row.id, row.lease_token]);
      failpoint('timer.done');
    } catch (error) {
      eventMetrics(pool).timerFailures.add(1, { kind: row.kind });
      withTrace(traceparent, () => onError(error, `timer ${row.id}`));
      await pool.query(
        `UPDATE es_timer SET lease_token = NULL, lease_pid = NULL, lease_pid_started = NULL, available_at = clock_timestamp() + $3 * interval '1 ms' WHERE id = $1 AND lease_token = $2`,
        [row.id, row.lease_token, backoffMs(row.attempts, retryMs)],
      );
    }
  }
}
