import { decodePayload } from '@skein/kernel';
import type { Pool } from 'pg';
import type { StoredEvent } from './codec.js';
import type { CommandKey, InboxEntry } from './types.js';

/** What a command needs to know before it decides, from one query. */
export interface Loaded {
  /** Database clock at the last query, epoch milliseconds. */
  nowMs: number;
  /** Outcome stored under the command's key. */
  answered?: { requestHash: string; streamId: string; version: number; answer: unknown };
  /** The inbox has the message already. */
  seen: boolean;
  /** Version of the last event that was taken; the given one where there was none. */
  version: number;
}

/** Gets a stream's events, in order, page by page: a long stream is never in memory as a whole. */
export type Take = (page: readonly StoredEvent[]) => void;

interface TailRow {
  now_ms: string;
  first: number | null;
  types: string;
  schema_versions: string;
  data: string;
}

interface LoadRow extends TailRow {
  answered: { requestHash: string; streamId: string; version: number; answer: unknown } | null;
  seen: boolean;
}

// What a decider folds and nothing else, in three texts: building and parsing an object per event, its envelope included, took
// longer than everything else of a cold command on a long stream.
const TAIL = `
  SELECT min(e.version) AS first, string_agg(e.type, E'\\x1f' ORDER BY e.version) AS types, string_agg(e.schema_version::text, ',' ORDER BY e.version) AS schema_versions,
    string_agg(e.data::text, ',' ORDER BY e.version) AS data
  FROM (SELECT version, type, schema_version, data FROM es_event WHERE stream_id = $1 AND version > $2 ORDER BY version LIMIT $3) e`;

const LOAD = `
  SELECT es_now_ms() AS now_ms,
    (SELECT json_build_object('requestHash', k.request_hash, 'streamId', k.stream_id, 'version', k.version, 'answer', k.answer)
       FROM es_idempotency k WHERE k.scope = $4 AND k.key = $5 AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())) AS answered,
    EXISTS (SELECT FROM es_inbox i WHERE i.consumer = $6 AND i.message_id = $7) AS seen,
    t.first, t.types, t.schema_versions, t.data
  FROM (${TAIL}) t`;

const REST = `SELECT es_now_ms() AS now_ms, t.first, t.types, t.schema_versions, t.data FROM (${TAIL}) t`;

/** Events of one query: a longer text would meet the server's time limit and, at 512 MiB, the longest string there is. */
const PAGE_EVENTS = 5_000;

const SEPARATOR = '\u001f';

function tailOf({ first, types, schema_versions, data }: TailRow): StoredEvent[] {
  if (first === null) return [];
  const schemaVersions = schema_versions.split(',');
  const payloads = JSON.parse(`[${data}]`) as unknown[];
  return types.split(SEPARATOR).map((type, index) => ({ type, schema_version: Number(schemaVersions[index]), data: payloads[index] }));
}

interface ArchivedRow extends StoredEvent {
  now_ms: string;
}

/** One page of what lies in the archive between two versions, both excluded; there must be no gap. */
async function archivedPage(pool: Pool, streamId: string, after: number, before: number, pageEvents: number): Promise<ArchivedRow[]> {
  const { rows } = await pool.query<ArchivedRow>({
    name: 'es-load-archived',
    text: `SELECT es_now_ms() AS now_ms, h.type, h.schema_version, h.data FROM es_event_archive h WHERE h.stream_id = $1 AND h.version > $2 AND h.version < $3 ORDER BY h.version LIMIT $4`,
    values: [streamId, after, before, pageEvents],
  });
  if (rows.length !== Math.min(pageEvents, before - after - 1)) throw new Error(`stream ${streamId} lacks events between versions ${after} and ${before}`);
  return rows;
}

/** Takes what was archived between two versions, both excluded; the database's clock at the last page, undefined where there was none. */
async function takeArchived(pool: Pool, streamId: string, after: number, before: number, pageEvents: number, take: Take): Promise<number | undefined> {
  let nowMs: number | undefined;
  for (let version = after; version + 1 < before; ) {
    const page = await archivedPage(pool, streamId, version, before, pageEvents);
    take(page);
    version += page.length;
    nowMs = Number(page.at(-1)?.now_ms);
  }
  return nowMs;
}

/** What to load: the events after `version`, at most `pageEvents` by one query. */
export interface LoadRequest {
  streamId: string;
  version: number;
  key?: CommandKey | undefined;
  inbox?: InboxEntry | undefined;
  pageEvents?: number;
}

/**
 * Loads clock, stored outcome and inbox, and hands over the stream's events. Later pages may hold events that were written after
 * the first one was read: then they belong to what is decided on, and the append expects their version. Between two pages the
 * stream may have been archived.
 */
export async function load(pool: Pool, { streamId, version, key, inbox, pageEvents = PAGE_EVENTS }: LoadRequest, take: Take): Promise<Loaded> {
  const values = [streamId, version, pageEvents, key?.scope ?? null, key?.key ?? null, inbox?.consumer ?? null, inbox?.messageId ?? null];
  const { rows } = await pool.query<LoadRow>({ name: 'es-load', text: LOAD, values });
  const first = rows[0];
  if (!first) throw new Error('the load query answered nothing');
  let row: TailRow | undefined = first;
  let last = version;
  let nowMs = Number(first.now_ms);
  while (row !== undefined) {
    const page = tailOf(row);
    // Of the last query: a long stream is folded for seconds, and what is decided on it is decided at their end.
    nowMs = Number(row.now_ms);
    if (row.first !== null) nowMs = (await takeArchived(pool, streamId, last, row.first, pageEvents, take)) ?? nowMs;
    take(page);
    last = row.first === null ? last : row.first + page.length - 1;
    if (page.length < pageEvents) break;
    const next: { rows: TailRow[] } = await pool.query<TailRow>({ name: 'es-load-rest', text: REST, values: [streamId, last, pageEvents] });
    row = next.rows[0];
  }
  const loaded: Loaded = { nowMs, seen: first.seen, version: last };
  if (first.answered) loaded.answered = { ...first.answered, answer: first.answered.answer === null ? undefined : decodePayload(first.answered.answer) };
  return loaded;
}
