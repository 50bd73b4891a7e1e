import { decodePayload } from '@skein/kernel';
import type { Pool } from 'pg';
import type { StoredEvent } from './codec.js';
import type { CommandKey, InboxEntry } from './types.js';

/** What a command needs to know before it decides, from one query. */
export interface Loaded {
  /** Database clock, epoch milliseconds. */
  nowMs: number;
  /** Outcome stored under the command's key. */
  answered?: { requestHash: string; streamId: string; version: number; answer: unknown };
  /** The inbox has the message already. */
  seen: boolean;
  /** Events after the given version, in order. */
  tail: StoredEvent[];
  /** The last one's version; the given one where there is none. */
  version: number;
}

interface TailRow {
  first: number | null;
  types: string;
  schema_versions: string;
  data: string;
}

interface LoadRow extends TailRow {
  now_ms: string;
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

/** Events of one query: a longer text would meet the server's time limit and, at 512 MiB, the longest string there is. */
const PAGE_EVENTS = 5_000;

function tailOf({ first, types, schema_versions, data }: TailRow): StoredEvent[] {
  if (first === null) return [];
  const schemaVersions = schema_versions.split(',');
  const payloads = JSON.parse(`[${data}]`) as unknown[];
  return types.split('\u001f').map((type, index) => ({ type, schema_version: Number(schemaVersions[index]), data: payloads[index] }));
}

async function loadArchived(pool: Pool, streamId: string, after: number, before: number): Promise<StoredEvent[]> {
  const { rows } = await pool.query<StoredEvent>({
    name: 'es-load-archived',
    text: `SELECT h.type, h.schema_version, h.data FROM es_event_archive h WHERE h.stream_id = $1 AND h.version > $2 AND h.version < $3 ORDER BY h.version`,
    values: [streamId, after, before],
  });
  if (rows.length !== before - after - 1) throw new Error(`stream ${streamId} lacks events between versions ${after} and ${before}`);
  return rows;
}

/**
 * The rest of a long tail, page after page. Later pages may hold events that were written after the first one was read: then
 * they belong to what is decided on, and the append expects their version.
 */
async function loadRest(pool: Pool, streamId: string, from: number, pageEvents: number): Promise<StoredEvent[]> {
  const rest: StoredEvent[] = [];
  for (;;) {
    const after = from + rest.length;
    const { rows } = await pool.query<TailRow>({ name: 'es-load-rest', text: TAIL, values: [streamId, after, pageEvents] });
    const row = rows[0];
    const page = row ? tailOf(row) : [];
    // Between two pages the stream may have been archived.
    const archived = row?.first && row.first > after + 1 ? await loadArchived(pool, streamId, after, row.first) : [];
    for (const event of [...archived, ...page]) rest.push(event);
    if (page.length < pageEvents) return rest;
  }
}

/** Loads clock, stored outcome, inbox and the stream's events after `version`, at most `pageEvents` by one query. */
export async function load(pool: Pool, streamId: string, version: number, key?: CommandKey, inbox?: InboxEntry, pageEvents = PAGE_EVENTS): Promise<Loaded> {
  const values = [streamId, version, pageEvents, key?.scope ?? null, key?.key ?? null, inbox?.consumer ?? null, inbox?.messageId ?? null];
  const { rows } = await pool.query<LoadRow>({ name: 'es-load', text: LOAD, values });
  const row = rows[0];
  if (!row) throw new Error('the load query answered nothing');
  const tail = tailOf(row);
  // Of an archived stream only the last event is left there.
  const archived = row.first !== null && row.first > version + 1 ? await loadArchived(pool, streamId, version, row.first) : [];
  const rest = tail.length < pageEvents ? [] : await loadRest(pool, streamId, version + archived.length + tail.length, pageEvents);
  const events = archived.length + rest.length === 0 ? tail : [...archived, ...tail, ...rest];
  const loaded: Loaded = { nowMs: Number(row.now_ms), seen: row.seen, tail: events, version: version + events.length };
  if (row.answered) loaded.answered = { ...row.answered, answer: row.answered.answer === null ? undefined : decodePayload(row.answered.answer) };
  return loaded;
}
