import type { Pool } from 'pg';

/** What an event is, without what it says. `position` is its place in the log. */
export interface EventHeader {
  readonly eventId: string;
  readonly type: string;
  readonly streamId: string;
  readonly version: number;
  readonly position: bigint;
  readonly correlationId: string;
  readonly causationId: string;
  readonly recordedAtMs: number;
  readonly traceparent: string;
}

/** An event that meets any of the filters is found; without one nothing is. */
export interface EventFilter {
  /** A UUID that the stream's id or the data name. */
  readonly subject?: string;
  readonly correlationId?: string;
  readonly causationIds?: readonly string[];
  readonly limit: number;
}

interface HeaderRow {
  event_id: string;
  type: string;
  stream_id: string;
  version: number;
  position: string;
  correlation_id: string | null;
  causation_id: string | null;
  recorded_at_ms: string;
  traceparent: string | null;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Headers of events in the order of the log. It reads the whole log: a tool for people, not for a hot path. */
export async function findEvents(pool: Pool, { subject, correlationId, causationIds = [], limit }: EventFilter): Promise<EventHeader[]> {
  if (subject !== undefined && !UUID.test(subject)) throw new TypeError('a subject is a UUID in lower case');
  const { rows } = await pool.query<HeaderRow>(
    `SELECT e.event_id, e.type, e.stream_id, e.version, e.position, e.metadata->>'correlationId' AS correlation_id, e.metadata->>'causationId' AS causation_id, e.recorded_at_ms, e.metadata->>'traceparent' AS traceparent
       FROM es_history e
      WHERE e.position IS NOT NULL AND (e.metadata->>'causationId' = ANY ($1) OR e.metadata->>'correlationId' = $2
         OR ($3::text IS NOT NULL AND (e.stream_id LIKE '%' || $3 || '%' OR e.data::text LIKE '%' || $3 || '%')))
      ORDER BY e.position LIMIT $4`,
    [causationIds, correlationId ?? null, subject ?? null, limit],
  );
  return rows.map((row) => ({
    eventId: row.event_id,
    type: row.type,
    streamId: row.stream_id,
    version: row.version,
    position: BigInt(row.position),
    correlationId: row.correlation_id ?? '',
    causationId: row.causation_id ?? '',
    recordedAtMs: Number(row.recorded_at_ms),
    traceparent: row.traceparent ?? '',
  }));
}

/** How many streams and events the log holds. */
export async function countLog(pool: Pool): Promise<{ streams: bigint; events: bigint }> {
  const { rows } = await pool.query<{ streams: string; events: string }>('SELECT count(DISTINCT stream_id) AS streams, count(*) AS events FROM es_history');
  return { streams: BigInt(rows[0]?.streams ?? 0), events: BigInt(rows[0]?.events ?? 0) };
}
