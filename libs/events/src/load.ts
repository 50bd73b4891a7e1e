import { decodePayload } from '@skein/kernel';
import type { Pool } from 'pg';
import { HISTORY_COLUMNS, type EventRow } from './codec.js';
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
  tail: EventRow[];
}

interface LoadRow {
  now_ms: string;
  answered: { requestHash: string; streamId: string; version: number; answer: unknown } | null;
  seen: boolean;
  tail: EventRow[] | null;
}

const LOAD = `
  SELECT es_now_ms() AS now_ms,
    (SELECT json_build_object('requestHash', k.request_hash, 'streamId', k.stream_id, 'version', k.version, 'answer', k.answer)
       FROM es_idempotency k WHERE k.scope = $3 AND k.key = $4 AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())) AS answered,
    EXISTS (SELECT FROM es_inbox i WHERE i.consumer = $5 AND i.message_id = $6) AS seen,
    (SELECT json_agg(json_build_object('stream_id', e.stream_id, 'version', e.version, 'position', NULL, 'event_id', e.event_id, 'type', e.type,
       'schema_version', e.schema_version, 'data', e.data, 'metadata', e.metadata, 'recorded_at_ms', e.recorded_at_ms) ORDER BY e.version)
       FROM es_event e WHERE e.stream_id = $1 AND e.version > $2) AS tail`;

async function loadArchived(pool: Pool, streamId: string, after: number, before: number): Promise<EventRow[]> {
  const { rows } = await pool.query<EventRow>({
    name: 'es-load-archived',
    text: `SELECT ${HISTORY_COLUMNS} FROM es_event_archive h WHERE h.stream_id = $1 AND h.version > $2 AND h.version < $3 ORDER BY h.version`,
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
  const tail = row.tail ?? [];
  // Of an archived stream only the last event is left there.
  const archived = tail[0] && tail[0].version > version + 1 ? await loadArchived(pool, streamId, version, tail[0].version) : [];
  const loaded: Loaded = { nowMs: Number(row.now_ms), seen: row.seen, tail: [...archived, ...tail] };
  if (row.answered) loaded.answered = { ...row.answered, answer: row.answered.answer === null ? undefined : decodePayload(row.answered.answer) };
  return loaded;
}
