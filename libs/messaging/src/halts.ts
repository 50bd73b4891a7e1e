import { failpoint } from '@skein/telemetry';
import type pg from 'pg';
import { letterOf, letterValues, LETTER_COLUMNS, NO_VALUE, type LetterRow } from './dead-letters.js';
import type { DeadLetter } from './consumer.types.js';
import type { ReceivedMessage } from './event-log.js';
import { keepMessage } from './kept.js';

/** Where a consumer with the policy `stop` stands before a message that it cannot handle. */
export interface ConsumerHalt extends Pick<DeadLetter, 'id' | 'group' | 'message' | 'whole' | 'reason'> {
  readonly haltedAtMs: number;
  /** Somebody asked for another try, which has not passed the message yet. */
  readonly resuming: boolean;
}

/** Writes down where a group halted. A halt at the same message again takes a request to resume back, but not that of a discard that came in between. */
export async function recordHalt(pool: pg.Pool, group: string, message: ReceivedMessage, reason: string): Promise<void> {
  const text = `INSERT INTO consumer_halts (group_name, topic, partition, message_offset, key, message_id, type, time_ms, headers, value, reason, whole)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
     ON CONFLICT (group_name, topic, partition, message_offset) DO UPDATE
       SET reason = excluded.reason, whole = consumer_halts.whole AND excluded.whole, halted_at = clock_timestamp(), cleared_at = NULL,
           resume_requested_at = CASE WHEN consumer_halts.discarded_at IS NOT NULL THEN consumer_halts.resume_requested_at END`;
  await keepMessage(message, reason, ({ message: kept, whole }, why) => pool.query(text, [...letterValues(group, kept), why, whole]));
  failpoint('halt.recorded');
}

/** A halt that concerns a batch: open, or of a message that is passed over whenever it comes. */
export interface HaltAt {
  readonly messageId: string;
  readonly discarded: boolean;
}

/** The halts at the offsets of a batch. */
export async function haltsAt(pool: pg.Pool, group: string, topic: string, partition: number, offsets: { readonly first: bigint; readonly last: bigint }): Promise<ReadonlyMap<bigint, HaltAt>> {
  const { rows } = await pool.query<{ message_offset: string; message_id: string; discarded: boolean }>({
    name: 'consumer-halts-at',
    text: `SELECT message_offset, message_id, discarded_at IS NOT NULL AS discarded FROM consumer_halts
            WHERE group_name = $1 AND topic = $2 AND partition = $3 AND message_offset BETWEEN $4 AND $5 AND (cleared_at IS NULL OR discarded_at IS NOT NULL)`,
    values: [group, topic, partition, offsets.first, offsets.last],
  });
  return new Map(rows.map((row) => [BigInt(row.message_offset), { messageId: row.message_id, discarded: row.discarded }]));
}

/** The group has passed the message. */
export async function clearHalt(pool: pg.Pool, group: string, { topic, partition, offset }: ReceivedMessage): Promise<void> {
  await pool.query(
    'UPDATE consumer_halts SET cleared_at = clock_timestamp() WHERE group_name = $1 AND topic = $2 AND partition = $3 AND message_offset = $4 AND cleared_at IS NULL',
    [group, topic, partition, offset],
  );
  failpoint('halt.cleared');
}

type HaltRow = LetterRow & { readonly resuming: boolean };

const COLUMNS = `${LETTER_COLUMNS}, group_name || '.dlq' AS queue, true AS first, floor(extract(epoch FROM halted_at) * 1000)::bigint AS parked_at_ms, resume_requested_at IS NOT NULL AS resuming`;

function haltOf(row: HaltRow): ConsumerHalt {
  const { id, group, message, whole, reason, parkedAtMs } = letterOf(row);
  return { id, group, message, whole, reason, haltedAtMs: parkedAtMs, resuming: row.resuming };
}

/** Open halts without their messages' values, the oldest first; of one group or of all. */
export async function listHalts(pool: pg.Pool, group?: string): Promise<ConsumerHalt[]> {
  const { rows } = await pool.query<HaltRow>(
    `SELECT ${COLUMNS}, ${NO_VALUE} FROM consumer_halts WHERE cleared_at IS NULL AND ($1::text IS NULL OR group_name = $1) ORDER BY halted_at, id`, [group ?? null],
  );
  return rows.map(haltOf);
}

/** One open halt. */
export async function readHalt(pool: pg.Pool, id: bigint): Promise<ConsumerHalt | undefined> {
  const { rows } = await pool.query<HaltRow>(`SELECT ${COLUMNS}, value FROM consumer_halts WHERE cleared_at IS NULL AND id = $1`, [id]);
  return rows.map(haltOf)[0];
}

/** Asks the halted members of a group to try again; how many halts that concerns. */
export async function resumeConsumer(pool: pg.Pool, group: string, by: string): Promise<number> {
  const { rowCount } = await pool.query('UPDATE consumer_halts SET resume_requested_at = clock_timestamp(), resumed_by = $2 WHERE group_name = $1 AND cleared_at IS NULL', [group, by]);
  return rowCount ?? 0;
}

/**
 * Lets the group pass over the message that it halts at, without effect, now and whenever it is delivered again; false where that
 * halt is not open, or where the message has had its effect since.
 */
export async function discardHalt(pool: pg.Pool, id: bigint, by: string, reason: string): Promise<boolean> {
  const { rows } = await pool.query<{ discarded: boolean }>('SELECT consumer_halt_discard($1, $2, $3) AS discarded', [id, by, reason]);
  failpoint('halt.discarded');
  return rows[0]?.discarded === true;
}

/** Whether a halted member may try again: every halt of its group was passed, or somebody asked for it. */
export async function mayResume(pool: pg.Pool, group: string): Promise<boolean> {
  const { rows } = await pool.query<{ free: boolean }>('SELECT NOT EXISTS (SELECT FROM consumer_halts WHERE group_name = $1 AND cleared_at IS NULL AND resume_requested_at IS NULL) AS free', [group]);
  return rows[0]?.free === true;
}
