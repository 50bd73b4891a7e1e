import type { Pool } from 'pg';
import { tablesHash } from './tables-hash.js';
import type { Projection, Tx } from './types.js';

/** How a rebuild stands. `asked`: no process has begun yet; `failed`: it is tried again. */
export type RebuildState = 'asked' | 'building' | 'switching' | 'done' | 'failed';

/** A rebuild as everybody can read it, whichever process does it. */
export interface RebuildProgress {
  projection: string;
  /** Version being built; undefined while nobody has begun. */
  version: number | undefined;
  state: RebuildState;
  /** Position that the new tables have reached, and the log's last one now. */
  built: bigint;
  head: bigint;
  /** `head - built`; 0n once it is done. */
  lag: bigint;
  /** Of the present run; 0 before it has built anything. */
  eventsPerSecond: number;
  /** Time left at this speed; undefined where nothing tells yet. */
  remainingMs: number | undefined;
  error: string | undefined;
  askedAtMs: number;
  startedAtMs: number | undefined;
  updatedAtMs: number;
  finishedAtMs: number | undefined;
}

/** A subscription's checkpoint against the log. */
export interface SubscriptionInfo {
  name: string;
  position: bigint;
  /** Last position given, and exact number of committed events behind the checkpoint. */
  head: bigint;
  lag: bigint;
  /** Some process delivers to it now. */
  active: boolean;
}

/** A projection as an operator sees it. */
export interface ProjectionInfo extends SubscriptionInfo {
  /** Version of the tables that queries read; undefined before the first start. */
  version: number | undefined;
  /** Version of this program. */
  declaredVersion: number;
  /** `current`; `outdated`: a rebuild is due or under way; `newer`: another program's; `changed`: other tables under the same version. */
  state: 'absent' | 'current' | 'outdated' | 'newer' | 'changed';
  rebuild: RebuildProgress | undefined;
}

interface RebuildRow {
  projection: string;
  version: number | null;
  state: RebuildState;
  begun: string;
  built: string;
  head: string;
  error: string | null;
  asked_ms: number;
  started_ms: number | null;
  updated_ms: number;
  finished_ms: number | null;
}

const MS = (column: string, name: string): string => `(extract(epoch FROM r.${column}) * 1000)::float8 AS ${name}`;
const HEAD = 'SELECT public.es_head()';
const REBUILDS = `
  SELECT r.projection, r.version, r.state, r.begun, r.built, greatest(r.head, CASE WHEN r.state IN ('done', 'failed') THEN 0 ELSE (${HEAD}) END) AS head, r.error,
    ${MS('asked_at', 'asked_ms')}, ${MS('started_at', 'started_ms')}, ${MS('updated_at', 'updated_ms')}, ${MS('finished_at', 'finished_ms')}
  FROM public.es_rebuild r`;

function progressOf(row: RebuildRow): RebuildProgress {
  const [built, head] = [BigInt(row.built), BigInt(row.head)];
  const seconds = row.started_ms === null ? 0 : ((row.finished_ms ?? row.updated_ms) - row.started_ms) / 1_000;
  const eventsPerSecond = seconds > 0 ? Math.round(Number(built - BigInt(row.begun)) / seconds) : 0;
  const lag = row.state === 'done' ? 0n : head - built;
  return {
    projection: row.projection, version: row.version ?? undefined, state: row.state, built, head, lag, eventsPerSecond,
    remainingMs: row.state === 'done' ? 0 : eventsPerSecond > 0 ? Math.round((Number(lag) / eventsPerSecond) * 1_000) : undefined,
    error: row.error ?? undefined, askedAtMs: Math.round(row.asked_ms), startedAtMs: row.started_ms === null ? undefined : Math.round(row.started_ms),
    updatedAtMs: Math.round(row.updated_ms), finishedAtMs: row.finished_ms === null ? undefined : Math.round(row.finished_ms),
  };
}

/** The last rebuild of a projection; undefined where there was none. */
export async function readRebuild(tx: Tx, projection: string): Promise<RebuildProgress | undefined> {
  const { rows } = await tx.query<RebuildRow>(`${REBUILDS} WHERE r.projection = $1`, [projection]);
  return rows[0] && progressOf(rows[0]);
}

/**
 * Asks for a rebuild of a live projection; the service's `RebuildWorker`, in whichever process, carries it out beside the live
 * one. While one is asked for or under way, that one is answered. Returns how it stands.
 */
export async function startRebuild(pool: Pool, projection: Pick<Projection, 'name'>): Promise<RebuildProgress> {
  await pool.query(
    `INSERT INTO es_rebuild AS r (projection, state) VALUES ($1, 'asked')
     ON CONFLICT (projection) DO UPDATE SET state = 'asked', version = NULL, begun = 0, built = 0, head = 0, error = NULL, asked_at = clock_timestamp(),
       started_at = NULL, updated_at = clock_timestamp(), finished_at = NULL
     WHERE r.state IN ('done', 'failed')`,
    [projection.name],
  );
  await pool.query(`SELECT pg_notify('es_position', 'rebuild')`);
  const asked = await readRebuild(pool, projection.name);
  if (!asked) throw new Error(`the rebuild of ${projection.name} is gone`);
  return asked;
}

interface InfoRow {
  name: string;
  position: string;
  head: string;
  waiting: string;
  active: boolean;
  version: number | null;
  hash: string | null;
}

const SUBSCRIPTIONS = `
  SELECT s.name, s.position, (${HEAD}) AS head, (SELECT coalesce(sum(events), 0) FROM es_unsequenced) AS waiting, s.projection_version AS version, s.projection_hash AS hash,
    s.lease_owner IS NOT NULL AND s.leased_until >= clock_timestamp() AND es_session_alive(s.lease_pid, s.lease_pid_started) AS active
  FROM es_subscription s`;

const infoOf = (row: InfoRow): SubscriptionInfo => {
  const [position, head] = [BigInt(row.position), BigInt(row.head)];
  return { name: row.name, position, head, lag: head + BigInt(row.waiting) - position, active: row.active };
};

/** Every subscription of the database (projections, reactors, publications), but not the builds beside the live projections. */
export async function listSubscriptions(pool: Pool): Promise<SubscriptionInfo[]> {
  const { rows } = await pool.query<InfoRow>(`${SUBSCRIPTIONS} WHERE s.name NOT LIKE '%\\_\\_%' ORDER BY s.name`);
  return rows.map(infoOf);
}

function stateOf(row: InfoRow, projection: Projection): ProjectionInfo['state'] {
  if (row.version === null) return 'absent';
  if (row.version !== projection.version) return row.version < projection.version ? 'outdated' : 'newer';
  return row.hash === tablesHash(projection) ? 'current' : 'changed';
}

/** How the given projections stand, exactly: checkpoint, lag, version, and the last rebuild. */
export async function listProjections(pool: Pool, projections: readonly Projection[]): Promise<ProjectionInfo[]> {
  const { rows } = await pool.query<InfoRow>(`${SUBSCRIPTIONS} WHERE s.name = ANY ($1)`, [projections.map(({ name }) => name)]);
  const { rows: rebuilds } = await pool.query<RebuildRow>(`${REBUILDS} WHERE r.projection = ANY ($1)`, [projections.map(({ name }) => name)]);
  const { rows: heads } = await pool.query<{ head: string; waiting: string }>(`SELECT (${HEAD}) AS head, (SELECT coalesce(sum(events), 0) FROM es_unsequenced) AS waiting`);
  return projections.map((projection) => {
    const row = rows.find(({ name }) => name === projection.name)
      ?? { name: projection.name, position: '0', head: heads[0]?.head ?? '0', waiting: heads[0]?.waiting ?? '0', active: false, version: null, hash: null };
    const rebuild = rebuilds.find((candidate) => candidate.projection === projection.name);
    return { ...infoOf(row), version: row.version ?? undefined, declaredVersion: projection.version, state: stateOf(row, projection), rebuild: rebuild && progressOf(rebuild) };
  });
}

/** Notes that a build begins (or goes on) at `begun`. */
export const noteBegun = (tx: Tx, projection: Projection, begun: bigint): Promise<unknown> =>
  tx.query(
    `INSERT INTO public.es_rebuild (projection, version, state, begun, built, started_at) VALUES ($1, $2, 'building', $3, $3, clock_timestamp())
     ON CONFLICT (projection) DO UPDATE SET version = $2, state = 'building', begun = $3, built = $3, error = NULL, started_at = clock_timestamp(),
       updated_at = clock_timestamp(), finished_at = NULL`,
    [projection.name, projection.version, begun.toString()],
  );

/** Notes how far a build has come, in the transaction of its rows. */
export const noteBuilt = (tx: Tx, name: string, built: bigint, head: bigint): Promise<unknown> =>
  tx.query('UPDATE public.es_rebuild SET built = $2, head = greatest($3, head), updated_at = clock_timestamp() WHERE projection = $1', [name, built.toString(), head.toString()]);

/** Notes the end of a phase. */
export const noteState = (tx: Tx, name: string, state: RebuildState, error?: string): Promise<unknown> =>
  tx.query(
    `UPDATE public.es_rebuild SET state = $2, error = $3, updated_at = clock_timestamp(), finished_at = CASE WHEN $2 IN ('done', 'failed') THEN clock_timestamp() END
     WHERE projection = $1`,
    [name, state, error ?? null],
  );
