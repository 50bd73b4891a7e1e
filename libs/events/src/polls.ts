import type { Pool } from 'pg';
import type { SessionId } from './feed.js';

// Everybody of a process who polls does so at the same moments, and what is asked then goes into one statement: at rest a
// statement costs a process more than whatever it asks for.
const WINDOW_MS = 20;

/** Milliseconds until the next moment at which everybody with this period polls: a quarter of it at least, as timers come early, too. */
export function untilNextPoll(everyMs: number): number {
  const leftMs = everyMs - (performance.now() % everyMs);
  return leftMs < everyMs / 4 ? leftMs + everyMs : leftMs;
}

/** A lease to be renewed. */
export interface Renewal {
  readonly name: string;
  readonly owner: string;
  readonly leaseMs: number;
  readonly session: SessionId | undefined;
}

/** Questions that come within a few milliseconds, asked as one. */
export class Together<Key, Answer> {
  readonly #ask: (keys: readonly Key[]) => Promise<readonly Answer[]>;
  #waiting: { key: Key; resolve: (answer: Answer) => void; reject: (error: unknown) => void }[] = [];

  constructor(ask: (keys: readonly Key[]) => Promise<readonly Answer[]>) {
    this.#ask = ask;
  }

  /** The answer to one of them; rejects where all fail. */
  ask(key: Key): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.push({ key, resolve, reject }) === 1) setTimeout(() => void this.#flush(), WINDOW_MS);
    });
  }

  async #flush(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    try {
      const answers = await this.#ask(waiting.map(({ key }) => key));
      for (const [index, { resolve }] of waiting.entries()) resolve(answers[index]!);
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }
}

const TAKEN = `
  SELECT s.name FROM es_subscription s JOIN unnest($1::text[], $2::uuid[]) AS k (name, owner) ON s.name = k.name
  WHERE NOT (s.lease_owner IS NULL OR s.lease_owner = k.owner OR s.leased_until < clock_timestamp() OR NOT es_session_alive(s.lease_pid, s.lease_pid_started))`;

// Not the rows that a delivery has locked at this moment: the others would wait for its end.
const RENEW = `
  WITH mine AS (
    SELECT s.name, k.ms FROM es_subscription s JOIN unnest($1::text[], $2::uuid[], $3::int[]) AS k (name, owner, ms) ON s.name = k.name AND s.lease_owner = k.owner
    FOR UPDATE OF s SKIP LOCKED
  )
  UPDATE es_subscription s SET leased_until = clock_timestamp() + m.ms * interval '1 ms', lease_pid = $4, lease_pid_started = $5
  FROM mine m WHERE s.name = m.name RETURNING s.name`;

const known = new WeakMap<Pool, Polls>();

/** What the subscriptions of a process ask again and again. One per pool. */
export class Polls {
  readonly #heads: Together<undefined, bigint>;
  readonly #vacancies: Together<Pick<Renewal, 'name' | 'owner'>, boolean>;
  readonly #renewals: Together<Renewal, boolean>;

  private constructor(pool: Pool) {
    this.#heads = new Together(async (keys) => {
      const { rows } = await pool.query<{ head: string }>({ name: 'es-head', text: 'SELECT es_head() AS head' });
      return keys.map(() => BigInt(rows[0]?.head ?? 0));
    });
    this.#vacancies = new Together(async (leases) => {
      const { rows } = await pool.query<{ name: string }>({ name: 'es-taken', text: TAKEN, values: [leases.map(({ name }) => name), leases.map(({ owner }) => owner)] });
      const taken = new Set(rows.map(({ name }) => name));
      return leases.map(({ name }) => !taken.has(name));
    });
    this.#renewals = new Together(async (leases) => {
      const session = leases.at(-1)?.session;
      const values = [leases.map(({ name }) => name), leases.map(({ owner }) => owner), leases.map(({ leaseMs }) => leaseMs), session?.pid ?? null, session?.startedAt ?? null];
      const { rows } = await pool.query<{ name: string }>({ name: 'es-renew', text: RENEW, values });
      const renewed = new Set(rows.map(({ name }) => name));
      return leases.map(({ name }) => renewed.has(name));
    });
  }

  /** The one of this pool. */
  static of(pool: Pool): Polls {
    const polls = known.get(pool) ?? new Polls(pool);
    known.set(pool, polls);
    return polls;
  }

  /** The last position given. */
  head(): Promise<bigint> {
    return this.#heads.ask(undefined);
  }

  /** Whether a subscription's lease is free, this owner's, run out, or left behind by a process that is gone. */
  vacant(lease: Pick<Renewal, 'name' | 'owner'>): Promise<boolean> {
    return this.#vacancies.ask(lease);
  }

  /** Renews a lease; false where its row is locked just now or somebody else's: then it has to be asked for alone. */
  renew(lease: Renewal): Promise<boolean> {
    return this.#renewals.ask(lease);
  }
}
