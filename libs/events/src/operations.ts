import { decodePayload } from '@skein/kernel';
import type { Pool } from 'pg';
import type { JobStatus } from './jobs.js';

/** A stream in a list. `begun` is its place among all streams, for the next page. */
export interface StreamSummary {
  readonly streamId: string;
  readonly version: number;
  readonly lastType: string;
  readonly begunAtMs: number;
  readonly lastAtMs: number;
  readonly begun: bigint;
}

/** Which streams: those whose id begins so, after the stream `after` in the chosen order. */
export interface StreamFilter {
  readonly prefix: string;
  readonly oldestFirst: boolean;
  readonly after?: bigint;
  readonly limit: number;
}

/** Streams by the order in which they were begun. It may read the whole log: a tool for people. */
export async function listStreams(pool: Pool, { prefix, oldestFirst, after, limit }: StreamFilter): Promise<StreamSummary[]> {
  const { rows } = await pool.query<{ stream_id: string; version: number; type: string; begun_ms: string; last_ms: string; seq: string }>(
    `SELECT h.stream_id, l.version, l.type, h.recorded_at_ms AS begun_ms, l.recorded_at_ms AS last_ms, h.seq
       FROM es_history h CROSS JOIN LATERAL (SELECT version, type, recorded_at_ms FROM es_event e WHERE e.stream_id = h.stream_id ORDER BY version DESC LIMIT 1) l
      WHERE h.version = 1 AND starts_with(h.stream_id, $1) AND ($2::bigint IS NULL OR h.seq ${oldestFirst ? '>' : '<'} $2)
      ORDER BY h.seq ${oldestFirst ? '' : 'DESC'} LIMIT $3`,
    [prefix, after?.toString() ?? null, limit],
  );
  return rows.map((row) => ({ streamId: row.stream_id, version: row.version, lastType: row.type, begunAtMs: Number(row.begun_ms), lastAtMs: Number(row.last_ms), begun: BigInt(row.seq) }));
}

/** A job as an operator sees it; `running`: some worker holds its lease. */
export interface JobSummary extends Omit<JobStatus, 'state'> {
  readonly state: 'waiting' | 'running' | 'done' | 'failed';
  readonly createdAtMs: number;
  /** 0 while it is open. */
  readonly finishedAtMs: number;
  /** Age of an open job, else how long it took. */
  readonly ageMs: number;
}

/** Which jobs; after the one with this id and time of creation. */
export interface JobFilter {
  readonly id?: string;
  readonly state?: JobStatus['state'];
  readonly kind?: string;
  readonly after?: { readonly createdAt: string; readonly id: string };
  readonly limit: number;
}

interface JobRow {
  id: string; kind: string; state: JobSummary['state']; attempts: number; progress: unknown; error: string | null;
  created_ms: number; finished_ms: number; age_ms: number; created_at: string;
}

const JOBS = `
  SELECT id, kind, attempts, progress, error, created_at::text AS created_at,
    CASE WHEN state <> 'open' THEN state
         WHEN lease_token IS NOT NULL AND available_at > clock_timestamp() AND es_session_alive(lease_pid, lease_pid_started) THEN 'running' ELSE 'waiting' END AS state,
    floor(extract(epoch FROM created_at) * 1000)::float8 AS created_ms, coalesce(floor(extract(epoch FROM finished_at) * 1000), 0)::float8 AS finished_ms,
    floor(extract(epoch FROM coalesce(finished_at, clock_timestamp()) - created_at) * 1000)::float8 AS age_ms
  FROM es_job`;

const jobOf = (row: JobRow): JobSummary & { readonly createdAt: string } => ({
  id: row.id, kind: row.kind, state: row.state, attempts: row.attempts, error: row.error ?? undefined, createdAt: row.created_at,
  progress: row.progress === null ? undefined : decodePayload(row.progress), createdAtMs: row.created_ms, finishedAtMs: row.finished_ms, ageMs: row.age_ms,
});

/** Jobs, the newest first. `createdAt` of the last one goes into the next page's `after`. */
export async function listJobs(pool: Pool, { id, state, kind, after, limit }: JobFilter): Promise<(JobSummary & { readonly createdAt: string })[]> {
  const { rows } = await pool.query<JobRow>(
    `${JOBS} WHERE ($1::text IS NULL OR id = $1) AND ($2::text IS NULL OR state = $2) AND ($3::text IS NULL OR kind = $3)
       AND ($4::timestamptz IS NULL OR (created_at, id) < ($4, $5)) ORDER BY created_at DESC, id DESC LIMIT $6`,
    [id ?? null, state ?? null, kind ?? null, after?.createdAt ?? null, after?.id ?? null, limit],
  );
  return rows.map(jobOf);
}

/** Opens a job that was given up again, with all its attempts; false where it is no failed one. */
export async function retryJob(pool: Pool, id: string): Promise<boolean> {
  const { rowCount } = await pool.query(
    `UPDATE es_job SET state = 'open', attempts = 0, retried = 0, finished_at = NULL, available_at = clock_timestamp(), lease_token = NULL, lease_pid = NULL, lease_pid_started = NULL
      WHERE id = $1 AND state = 'failed'`, [id],
  );
  return rowCount === 1;
}

/** The database's clock, epoch milliseconds. */
export async function databaseNowMs(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ now_ms: string }>('SELECT es_now_ms() AS now_ms');
  return Number(rows[0]?.now_ms);
}

/** What will move a workflow on, by a UUID in the ids of its timers and jobs. */
export interface Deadline {
  /** Due time of its next timer; undefined where it has none. */
  readonly nextDueAtMs: number | undefined;
  readonly openJobs: number;
  readonly failedJobs: number;
}

/** Each timer and each job is looked at once, however many workflows are asked for. */
const UUIDS_OF = (id: string): string => `(SELECT DISTINCT m[1] AS key FROM regexp_matches(${id}, '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}', 'g') AS m) AS named`;

/** The deadlines of workflows by their keys, which are UUIDs, with the database's clock. */
export async function deadlinesOf(pool: Pool, keys: readonly string[]): Promise<{ readonly nowMs: number; readonly byKey: ReadonlyMap<string, Deadline> }> {
  const { rows } = await pool.query<{ key: string; due_ms: string | null; open: string | null; failed: string | null; now_ms: string }>(
    `WITH wanted AS MATERIALIZED (SELECT DISTINCT unnest($1::text[]) AS key),
          timers AS (SELECT w.key, min(t.due_at_ms) AS due_ms FROM es_timer t CROSS JOIN LATERAL ${UUIDS_OF('t.id')} JOIN wanted w USING (key) GROUP BY w.key),
          jobs AS (SELECT w.key, count(*) FILTER (WHERE j.state = 'open') AS open, count(*) FILTER (WHERE j.state = 'failed') AS failed
                     FROM es_job j CROSS JOIN LATERAL ${UUIDS_OF('j.id')} JOIN wanted w USING (key) WHERE j.state IN ('open', 'failed') GROUP BY w.key)
     SELECT w.key, es_now_ms() AS now_ms, t.due_ms, j.open, j.failed FROM wanted w LEFT JOIN timers t USING (key) LEFT JOIN jobs j USING (key)`,
    [keys],
  );
  const byKey = new Map(rows.map((row) => [row.key, { nextDueAtMs: row.due_ms === null ? undefined : Number(row.due_ms), openJobs: Number(row.open ?? 0), failedJobs: Number(row.failed ?? 0) }]));
  return { nowMs: Number(rows[0]?.now_ms ?? 0), byKey };
}
