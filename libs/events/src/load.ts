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

interface LoadRow {
  now_ms: string;
  answered: { requestHash: string; streamId: string; version: number; answer: unknown } | null;
  seen: boolean;
  first: number | null;
  types: string;
  schema_versions: string;
  data: string;
}

// What a decider folds and nothing else, in three texts: building and parsing an object per event, its envelope included, took
// longer than everything else of a cold command on a long stream.
const LOAD = `
  SELECT es_now_ms() AS now_ms,
    (SELECT json_build_object('requestHash', k.request_hash, 'streamId', k.stream_id, 'version', k.version, 'answer', k.answer)
       FROM es_idempotency k WHERE k.scope = $3 AND k.key = $4 AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())) AS answered,
    EXISTS (SELECT FROM es_inbox i WHERE i.consumer = $5 AND i.message_id = $6) AS seen,
    t.first, t.types, t.schema_versions, t.data
  FROM (
    SELECT min(e.version) AS first, string_agg(e.type, E'\\x1f' ORDER BY e.version) AS types, string_agg(e.schema_version::text, ',' ORDER BY e.version) AS schema_versions,
      string_agg(e.data::text, ',' ORDER BY e.version) AS data
    FROM es_event e WHERE e.stream_id = $1 AND e.version > $2
  ) t`;

function tailOf({ first, types, schema_versions, data }: LoadRow): StoredEvent[] {
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

/** Loads clock, stored outcome, inbox and the stream's events after `version`. */
export async function load(pool: Pool, streamId: string, version: number, key?: CommandKey, inbox?: InboxEntry): Promise<Loaded> {
  const values = [streamId, version, key?.scope ?? null, key?.key ?? null, inbox?.consumer ?? null, inbox?.messageId ?? null];
  const { rows } = await pool.query<LoadRow>({ name: 'es-load', text: LOAD, values });
  const row = rows[0];
  if (!row) throw new Error('the load query answered nothing');
  const tail = tailOf(row);
  // Of an archived stream only the last event is left there.
  const archived = row.first !== null && row.first > version + 1 ? await loadArchived(pool, streamId, version, row.first) : [];
  const loaded: Loaded = { nowMs: Number(row.now_ms), seen: row.seen, tail: [...archived, ...tail], version: version + archived.length + tail.length };
  if (row.answered) loaded.answered = { ...row.answered, answer: row.answered.answer === null ? undefined : decodePayload(row.answered.answer) };
  return loaded;
}
