import type { Clock } from '@skein/kernel';
import type { Pool } from 'pg';
import { reportToStderr } from './transaction.js';
import type { ReportError } from './types.js';

/** How a database's clock is followed. */
export interface DatabaseClockOptions {
  readonly pool: Pick<Pool, 'query'>;
  /** Time between two looks at the database; default 30 s. */
  readonly everyMs?: number;
  readonly onError?: ReportError;
}

/**
 * The database's time without asking for it each time: between two looks the process's monotonic clock carries it on, which
 * nobody can set. Instances whose own clocks are hours apart so agree on what has expired. The process's clock counts
 * only until the first look has succeeded.
 */
export class DatabaseClock implements Clock {
  readonly #options: Required<DatabaseClockOptions>;
  #seen: { readonly databaseMs: number; readonly monotonicMs: number } | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: DatabaseClockOptions) {
    this.#options = { everyMs: 30_000, onError: reportToStderr, ...options };
  }

  nowMs(): number {
    return this.#seen === undefined ? Date.now() : Math.floor(this.#seen.databaseMs + performance.now() - this.#seen.monotonicMs);
  }

  /** Looks now and from then on regularly, until `stop`. A look that fails is reported and made up for by the next one. */
  async start(): Promise<void> {
    this.#timer ??= setInterval(() => void this.#look(), this.#options.everyMs).unref();
    await this.#look();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #look(): Promise<void> {
    try {
      const askedMs = performance.now();
      const { rows } = await this.#options.pool.query<{ now_ms: string }>({ name: 'es-now', text: 'SELECT es_now_ms() AS now_ms' });
      // Somewhere between question and answer the database has looked at its clock.
      if (rows[0]) this.#seen = { databaseMs: Number(rows[0].now_ms), monotonicMs: (askedMs + performance.now()) / 2 };
    } catch (error) {
      this.#options.onError(error, 'database clock');
    }
  }
}
