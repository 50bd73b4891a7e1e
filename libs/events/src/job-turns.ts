/** Tenants whose last turn is remembered; whoever is not among them comes first. */
const REMEMBERED_MAX = 256;

// A row is free when its time has come, or when the process that had it is gone.
const FREE = `j.state = 'open' AND (j.available_at <= statement_timestamp() OR (j.lease_token IS NOT NULL AND NOT es_session_alive(j.lease_pid, j.lease_pid_started)))`;

/**
 * Claims free jobs in turns: first the oldest of each tenant, who had no turn for longest first, then the second of each, and
 * so on. The tenants are found by jumping along the index, so a long backlog of one costs nothing, and jobs whose time has not
 * come are not looked at. A few more candidates than wanted are, because other workers may be taking the first ones at this moment.
 * $1 kind, $2 how many, $3 lease in ms, $4 and $5 the session, $6 tenants in the order of their last turns.
 * The row's lock decides between workers; SKIP LOCKED keeps them from waiting for each other.
 */
export const CLAIM = `
  WITH RECURSIVE tenants AS (
    (SELECT tenant FROM es_job WHERE kind = $1 AND state = 'open' ORDER BY tenant LIMIT 1)
    UNION ALL
    SELECT (SELECT j.tenant FROM es_job j WHERE j.kind = $1 AND j.state = 'open' AND j.tenant > t.tenant ORDER BY j.tenant LIMIT 1)
    FROM tenants t WHERE t.tenant IS NOT NULL
  ), candidates AS (
    SELECT first.id, first.available_at, row_number() OVER (PARTITION BY t.tenant ORDER BY first.available_at, first.id) AS place,
      array_position($6::text[], t.tenant) AS last_turn
    FROM tenants t CROSS JOIN LATERAL (
      (SELECT id, available_at FROM es_job WHERE kind = $1 AND tenant = t.tenant AND state = 'open' AND available_at <= statement_timestamp()
        ORDER BY available_at, id LIMIT $2 + 16)
      UNION ALL
      (SELECT id, available_at FROM es_job WHERE kind = $1 AND tenant = t.tenant AND state = 'open' AND lease_token IS NOT NULL
        AND available_at > statement_timestamp() AND NOT es_session_alive(lease_pid, lease_pid_started) LIMIT $2 + 16)
    ) first
  ), free AS (
    SELECT j.id FROM candidates c JOIN es_job j ON j.id = c.id WHERE ${FREE}
    ORDER BY c.place, c.last_turn NULLS FIRST, c.available_at, c.id LIMIT $2 FOR UPDATE OF j SKIP LOCKED
  )
  UPDATE es_job j SET attempts = j.attempts + 1, lease_token = gen_random_uuid(), lease_pid = $4, lease_pid_started = $5,
    available_at = clock_timestamp() + $3 * interval '1 ms'
  FROM free WHERE j.id = free.id
  RETURNING j.id, j.kind, j.payload, j.attempts, j.retried, j.progress, j.lease_token, j.tenant, es_now_ms() AS now_ms`;

/** Who had a turn when, as one worker knows. */
export class Turns {
  readonly #tenants = new Set<string>();

  /** The longest ago first. */
  get order(): readonly string[] {
    return [...this.#tenants];
  }

  had(tenant: string): void {
    this.#tenants.delete(tenant);
    this.#tenants.add(tenant);
    const [oldest] = this.#tenants;
    if (this.#tenants.size > REMEMBERED_MAX && oldest !== undefined) this.#tenants.delete(oldest);
  }
}

/** When nobody wants the result of a job any more: `deadlineMs` of its payload, by the database's clock; undefined where it has none. */
export function deadlineOf(payload: unknown): number | undefined {
  if (typeof payload !== 'object' || payload === null || !('deadlineMs' in payload)) return undefined;
  return typeof payload.deadlineMs === 'number' ? payload.deadlineMs : undefined;
}
