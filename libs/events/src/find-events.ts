import type { Pool } from 'pg';
import { MAX_EVENTS_PER_APPEND } from './commit.js';

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
  /** `next` of the page before. */
  readonly after?: bigint;
  readonly limit: number;
}

/** Events that were found, and where to go on; `next` is undefined on the last page. A page may be empty and not the last. */
export interface EventPage {
  readonly events: EventHeader[];
  readonly next: bigint | undefined;
}

interface HeaderRow {
  /** Null in the one row of a page without events. */
  seq: string | null;
  last_seq: string | null;
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

/** How many events one page looks at where no index helps: bounded in time, however long the log is. */
const SCANNED_MAX = 100_000n;

/** Stream and version of what follows from the causes: an append's first event is found by the index, and the others stand behind it. */
const causedBy = (causes: string): string => `
  SELECT s.stream_id, s.version FROM es_history f JOIN es_history s ON s.stream_id = f.stream_id AND s.version >= f.version AND s.version < f.version + ${MAX_EVENTS_PER_APPEND}
  WHERE get_byte(uuid_send(f.event_id), 15) = 0 AND f.metadata->>'causationId' IS NOT NULL AND f.metadata->>'causationId' = ANY (${causes}::text[])
    AND s.metadata->>'causationId' = f.metadata->>'causationId'`;

/** The filter in SQL, with only what is asked for, so that an index may serve; `given` puts a value in. */
function conditionOf({ subject, correlationId, causationIds = [] }: EventFilter, given: (value: unknown) => string): string {
  const either: string[] = [];
  if (causationIds.length > 0) either.push(`(e.stream_id, e.version) IN (${causedBy(given(causationIds))})`);
  if (correlationId !== undefined) either.push(`e.metadata->>'correlationId' = ${given(correlationId)}`);
  if (subject !== undefined) either.push(...['e.stream_id', 'e.data::text'].map((where) => `${where} LIKE ${given(`%${subject}%`)}`));
  return either.length === 0 ? 'false' : either.join(' OR ');
}

/**
 * Headers of events in the order in which they were written, page by page. Causes are found by an index; for a correlation or a
 * subject each page looks at 100 000 events.
 */
export async function findEvents(pool: Pool, filter: EventFilter): Promise<EventPage> {
  const { subject, correlationId, after = 0n, limit } = filter;
  if (subject !== undefined && !UUID.test(subject)) throw new TypeError('a subject is a UUID in lower case');
  const end = subject === undefined && correlationId === undefined ? undefined : after + SCANNED_MAX;
  const values: unknown[] = [];
  const given = (value: unknown): string => `$${values.push(value)}`;
  // Materialised: in the order of the primary key, up to the limit, would be through the whole log.
  const { rows } = await pool.query<HeaderRow>(
    `WITH found AS MATERIALIZED (
       SELECT e.seq, e.event_id, e.type, e.stream_id, e.version, e.position, e.metadata->>'correlationId' AS correlation_id, e.metadata->>'causationId' AS causation_id,
              e.recorded_at_ms, e.metadata->>'traceparent' AS traceparent
         FROM es_history e
        WHERE e.position IS NOT NULL AND e.seq > ${given(after)} AND e.seq <= ${given(end ?? SEQ_MAX)} AND (${conditionOf(filter, given)}))
     SELECT page.*, last.seq AS last_seq FROM (SELECT max(seq) AS seq FROM es_event) AS last LEFT JOIN (SELECT * FROM found ORDER BY seq LIMIT ${given(limit)}) AS page ON true ORDER BY page.seq`,
    values,
  );
  const found = rows.filter(({ seq }) => seq !== null);
  return { events: found.map(headerOf), next: nextOf(found, limit, end, BigInt(rows[0]?.last_seq ?? 0)) };
}

const SEQ_MAX = 2n ** 63n - 1n;

function nextOf(found: readonly HeaderRow[], limit: number, end: bigint | undefined, last: bigint): bigint | undefined {
  if (found.length === limit) return BigInt(found.at(-1)?.seq ?? 0);
  return end !== undefined && end < last ? end : undefined;
}

const headerOf = (row: HeaderRow): EventHeader => ({
  eventId: row.event_id,
  type: row.type,
  streamId: row.stream_id,
  version: row.version,
  position: BigInt(row.position),
  correlationId: row.correlation_id ?? '',
  causationId: row.causation_id ?? '',
  recordedAtMs: Number(row.recorded_at_ms),
  traceparent: row.traceparent ?? '',
});

/** How many streams and events the log holds. */
export async function countLog(pool: Pool): Promise<{ streams: bigint; events: bigint }> {
  const { rows } = await pool.query<{ streams: string; events: string }>('SELECT count(DISTINCT stream_id) AS streams, count(*) AS events FROM es_history');
  return { streams: BigInt(rows[0]?.streams ?? 0), events: BigInt(rows[0]?.events ?? 0) };
}
