import { failpoint } from '@skein/telemetry';
import type pg from 'pg';
import type { DeadLetter } from './consumer.types.js';
import type { ReceivedMessage } from './event-log.js';
import { keepMessage } from './kept.js';

/** What a parked message and one that halts a consumer have in common. */
export const LETTER_COLUMNS = 'id, group_name, topic, partition, message_offset, key, message_id, type, time_ms, headers, whole, reason';
const COLUMNS = `${LETTER_COLUMNS}, queue, first, floor(extract(epoch FROM parked_at) * 1000)::bigint AS parked_at_ms`;
/** A list of letters has none of their values, each of which may be large. */
export const NO_VALUE = `''::bytea AS value`;

/** A row as `pg` reads it. */
export interface LetterRow {
  id: string; queue: string; group_name: string; topic: string; partition: number; message_offset: string; key: string; message_id: string;
  type: string; time_ms: string; headers: Record<string, string>; value: Buffer; whole: boolean; reason: string; first: boolean; parked_at_ms: string;
}

/** The message of a row. */
export const letterOf = (row: LetterRow): DeadLetter => ({
  id: BigInt(row.id),
  queue: row.queue,
  group: row.group_name,
  reason: row.reason,
  first: row.first,
  whole: row.whole,
  parkedAtMs: Number(row.parked_at_ms),
  message: {
    topic: row.topic, partition: row.partition, offset: BigInt(row.message_offset), key: row.key, id: row.message_id, type: row.type,
    timeMs: Number(row.time_ms), headers: row.headers, value: new Uint8Array(row.value.buffer, row.value.byteOffset, row.value.byteLength),
  },
});

/** A dead letter with its end, if it has one. */
export interface ClosedLetter extends DeadLetter {
  readonly outcome: 'open' | 'redriven' | 'discarded';
  readonly closedBy: string;
  readonly closedReason: string;
  readonly closedAtMs: number;
}

/** Which dead letters: all of a group, or of one topic, or of one key. */
export interface DeadLetterFilter {
  readonly group: string;
  readonly topic?: string;
  readonly key?: string;
}

/** Open dead letters without their values, oldest first, at most `limit` (default 100) after the given id; of all groups where none is named. */
export async function listDeadLetters(pool: pg.Pool, filter: Partial<DeadLetterFilter> & { readonly afterId?: bigint; readonly limit?: number }): Promise<DeadLetter[]> {
  const { rows } = await pool.query<LetterRow>(
    `SELECT ${COLUMNS}, ${NO_VALUE} FROM dead_letters WHERE ($1::text IS NULL OR group_name = $1) AND ($2::text IS NULL OR topic = $2) AND ($3::text IS NULL OR key = $3)
        AND closed_at IS NULL AND id > $4 ORDER BY id LIMIT $5`,
    [filter.group ?? null, filter.topic ?? null, filter.key ?? null, filter.afterId ?? 0n, filter.limit ?? 100],
  );
  return rows.map(letterOf);
}

/** One dead letter, open or closed. */
export async function readDeadLetter(pool: pg.Pool, id: bigint): Promise<ClosedLetter | undefined> {
  const { rows } = await pool.query<LetterRow & { outcome: ClosedLetter['outcome'] | null; closed_by: string | null; closed_reason: string | null; closed_at_ms: string | null }>(
    `SELECT ${COLUMNS}, value, outcome, closed_by, closed_reason, floor(extract(epoch FROM closed_at) * 1000)::bigint AS closed_at_ms FROM dead_letters WHERE id = $1`, [id],
  );
  const row = rows[0];
  if (row === undefined) return undefined;
  return { ...letterOf(row), outcome: row.outcome ?? 'open', closedBy: row.closed_by ?? '', closedReason: row.closed_reason ?? '', closedAtMs: Number(row.closed_at_ms ?? 0) };
}

/** Ends a parked message without effect and keeps who did it and why; false where it is closed, being redriven, or has had its effect since it was parked. */
export async function discardDeadLetter(pool: pg.Pool, id: bigint, by: string, reason: string): Promise<boolean> {
  const { rows } = await pool.query<{ discarded: boolean }>('SELECT dead_letter_discard($1, $2, $3) AS discarded', [id, by, reason]);
  failpoint('letter.discarded');
  return rows[0]?.discarded === true;
}

/** Which of the keys are parked. */
export async function parkedKeys(pool: pg.Pool, group: string, topic: string, keys: readonly string[]): Promise<Set<string>> {
  const { rows } = await pool.query<{ key: string }>(
    `SELECT DISTINCT key FROM dead_letters
      WHERE group_name = $1 AND topic = $2 AND md5(key) = ANY (SELECT md5(k) FROM unnest($3::text[]) k) AND key = ANY ($3) AND closed_at IS NULL`,
    [group, topic, keys],
  );
  return new Set(rows.map((row) => row.key));
}

/**
 * A message as a row holds it, in the order of `group_name, topic, partition, message_offset, key, message_id, type, time_ms,
 * headers, value`. A stranger's time may be none that a bigint holds: whatever cannot be kept would block its partition for ever.
 */
export function letterValues(group: string, { topic, partition, offset, key, id, type, timeMs, headers, value }: ReceivedMessage): unknown[] {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return [group, topic, partition, offset, key, id, type, Number.isSafeInteger(timeMs) ? timeMs : 0, JSON.stringify(headers), bytes];
}

/** Parks a message that failed, or one whose key is parked; false when the key is no longer parked. */
export async function park(pool: pg.Pool, group: string, message: ReceivedMessage, reason: string, first: boolean): Promise<boolean> {
  const text = 'SELECT dead_letter_park($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS parked';
  const { rows } = await keepMessage(message, reason, ({ message: kept, whole }, why) => pool.query<{ parked: boolean }>(text, [...letterValues(group, kept), why, first, whole]));
  failpoint('letter.parked');
  return rows[0]!.parked;
}

/** A key with open dead letters: the id of its first, and how many there are. */
export interface OpenKey {
  readonly topic: string;
  readonly key: string;
  readonly firstId: bigint;
  readonly letters: number;
}

/** The keys with open dead letters whose first one has at least this id, in the order of the first ones. */
export async function openKeys(pool: pg.Pool, filter: DeadLetterFilter & { readonly fromId?: bigint }): Promise<OpenKey[]> {
  const { rows } = await pool.query<{ topic: string; key: string; first_id: string; letters: string }>(
    `SELECT topic, key, min(id) AS first_id, count(*) AS letters FROM dead_letters WHERE group_name = $1 AND ($2::text IS NULL OR topic = $2) AND ($3::text IS NULL OR key = $3)
        AND closed_at IS NULL GROUP BY topic, key HAVING min(id) >= $4 ORDER BY min(id)`,
    [filter.group, filter.topic ?? null, filter.key ?? null, filter.fromId ?? 0n],
  );
  return rows.map(({ topic, key, first_id: firstId, letters }) => ({ topic, key, firstId: BigInt(firstId), letters: Number(letters) }));
}

/** A dead letter that is being redriven, by whoever has the token. */
export interface LeasedLetter {
  readonly letter: DeadLetter;
  readonly token: string;
}

/** Leases a key's first open dead letter; undefined when there is none or somebody else redrives it. */
export async function leaseFirst(pool: pg.Pool, group: string, topic: string, key: string, leaseMs: number): Promise<LeasedLetter | undefined> {
  const { rows } = await pool.query<LetterRow & { lease_token: string }>(
    `UPDATE dead_letters SET leased_until = clock_timestamp() + $4 * interval '1 millisecond', lease_token = gen_random_uuid()
      WHERE id = (SELECT id FROM dead_letters WHERE group_name = $1 AND topic = $2 AND md5(key) = md5($3) AND key = $3 AND closed_at IS NULL ORDER BY message_offset LIMIT 1)
        AND closed_at IS NULL AND leased_until < clock_timestamp()
      RETURNING ${COLUMNS}, value, lease_token`,
    [group, topic, key, leaseMs],
  );
  return rows.map((row) => ({ letter: letterOf(row), token: row.lease_token }))[0];
}

/** Holds a letter for longer; false where the lease is lost or the letter closed. */
export async function renewLease(pool: pg.Pool, { letter, token }: LeasedLetter, leaseMs: number): Promise<boolean> {
  const { rowCount } = await pool.query(
    `UPDATE dead_letters SET leased_until = clock_timestamp() + $3 * interval '1 millisecond' WHERE id = $1 AND lease_token = $2 AND closed_at IS NULL`, [letter.id, token, leaseMs],
  );
  return rowCount === 1;
}

/** The message is done, redriven by whoever it was; with the last of its key the key is free. False where somebody else has decided about it. */
export async function markDone(pool: pg.Pool, { letter, token }: LeasedLetter, by: string): Promise<boolean> {
  const { rows } = await pool.query<{ done: boolean }>('SELECT dead_letter_done($1, $2, $3) AS done', [letter.id, token, by]);
  return rows[0]!.done;
}

/** The redriven message failed again; false where somebody else has decided about it. */
export async function markFailed(pool: pg.Pool, { letter, token }: LeasedLetter, reason: string): Promise<boolean> {
  const { rowCount } = await pool.query(
    `UPDATE dead_letters SET reason = $3, first = true, leased_until = '-infinity', lease_token = NULL WHERE id = $1 AND lease_token = $2 AND closed_at IS NULL`, [letter.id, token, reason],
  );
  return rowCount === 1;
}
