import type pg from 'pg';
import type { GrantTotal, GrantTotals, KnownRoot } from '../application/outbox/grant-totals.js';

interface Stored {
  account: string;
  task_id: string;
  total: string;
  start: string;
  duration: string;
}

const TOTALS = `SELECT account, task_id, sum(units)::text AS total, max(start_seconds)::text AS start, max(duration_seconds)::text AS duration
  FROM "grants".granted WHERE decision <= $1 GROUP BY account, task_id ORDER BY account, task_id`;

/** Reads of what was granted. */
export class GrantsQueries implements GrantTotals {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async decisions(): Promise<number> {
    const { rows } = await this.#pool.query<{ last: string }>('SELECT coalesce(max(decision), 0)::text AS last FROM "grants".granted');
    return Number(rows[0]?.last ?? 0);
  }

  async totals(decisions: number): Promise<GrantTotal[]> {
    const { rows } = await this.#pool.query<Stored>(TOTALS, [decisions]);
    return rows.map(({ account, task_id: taskId, total, start, duration }) => ({ account, taskId, total: BigInt(total), start: BigInt(start), duration: BigInt(duration) }));
  }

  async newestRoot(): Promise<KnownRoot | undefined> {
    const { rows } = await this.#pool.query<{ epoch: string; root: string; sum: string; decisions: string }>('SELECT epoch::text, root, sum::text, decisions::text FROM "grants".root ORDER BY epoch DESC LIMIT 1');
    const [row] = rows;
    return row && { epoch: BigInt(row.epoch), root: row.root, sum: BigInt(row.sum), decisions: Number(row.decisions) };
  }
}
