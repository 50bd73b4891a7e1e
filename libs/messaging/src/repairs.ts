import { createHash } from 'node:crypto';
import { RejectionError } from '@skein/kernel';
import { failpoint } from '@skein/telemetry';
import type pg from 'pg';
import type { MessageHandler } from './consumer.types.js';
import { Dispatcher } from './dispatch.js';
import type { EventLog, Place, ReceivedMessage } from './event-log.js';
import { HEADER } from './headers.js';
import { isText, JUDGED_HEADERS, NAME_BYTES_MAX, type EventTypes } from './inspect.js';
import { wholeMessage, type KeptMessage } from './kept.js';

/** What an operator mends of a message that was refused before it was decoded. */
export interface Repair {
  /** CloudEvents headers in the place of those that came. */
  readonly headers: Readonly<Record<string, string>>;
  /** It may be larger than the limit. */
  readonly oversize: boolean;
}

/** A repair with who made it, and why. */
export interface KeptRepair extends Repair {
  readonly by: string;
  readonly reason: string;
  readonly repairedAtMs: number;
}

interface RepairRow {
  readonly topic: string; readonly partition: number; readonly message_offset: string; readonly digest: Buffer; readonly headers: Record<string, string>;
  readonly oversize: boolean; readonly repaired_by: string; readonly reason: string; readonly repaired_at_ms: string;
}

const COLUMNS = 'r.topic, r.partition, r.message_offset, r.digest, r.headers, r.oversize, r.repaired_by, r.reason, floor(extract(epoch FROM r.repaired_at) * 1000)::bigint AS repaired_at_ms';

const repairOf = ({ headers, oversize, repaired_by: by, reason, repaired_at_ms: atMs }: RepairRow): KeptRepair => ({ headers, oversize, by, reason, repairedAtMs: Number(atMs) });
const placeOf = ({ topic, partition }: { readonly topic: string; readonly partition: number }, offset: bigint | string): string => `${topic}/${partition}@${offset}`;

/** Of the message as it came, so that a repair never meets another one: a log that was made anew counts from 0 again. */
function digestOf({ id, type, key, value }: ReceivedMessage): Buffer {
  return createHash('sha256').update(JSON.stringify([id, type, key])).update(value).digest();
}

/** The message as it is to be read. */
export const repaired = (message: ReceivedMessage, { headers }: Repair): ReceivedMessage => ({
  ...message, id: headers[HEADER.id] ?? message.id, type: headers[HEADER.type] ?? message.type, headers: { ...message.headers, ...headers },
});

/** The newest repair of each message that has one; none of what was discarded, which stays as it came. */
export async function repairsOf(pool: pg.Pool, group: string, messages: readonly ReceivedMessage[]): Promise<ReadonlyMap<ReceivedMessage, KeptRepair>> {
  if (messages.length === 0) return new Map();
  const { rows } = await pool.query<RepairRow>(
    `SELECT DISTINCT ON (r.topic, r.partition, r.message_offset) ${COLUMNS}
       FROM unnest($2::text[], $3::integer[], $4::bigint[]) AS m (topic, partition, message_offset) JOIN message_repairs r USING (topic, partition, message_offset)
      WHERE r.group_name = $1
        AND NOT EXISTS (SELECT FROM dead_letters d WHERE d.group_name = $1 AND d.topic = r.topic AND d.partition = r.partition AND d.message_offset = r.message_offset AND d.outcome = 'discarded')
        AND NOT EXISTS (SELECT FROM consumer_halts h WHERE h.group_name = $1 AND h.topic = r.topic AND h.partition = r.partition AND h.message_offset = r.message_offset AND h.discarded_at IS NOT NULL)
      ORDER BY r.topic, r.partition, r.message_offset, r.id DESC`,
    [group, messages.map(({ topic }) => topic), messages.map(({ partition }) => partition), messages.map(({ offset }) => offset)],
  );
  const byPlace = new Map(rows.map((row) => [placeOf(row, row.message_offset), row]));
  return new Map(messages.flatMap((message) => {
    const row = byPlace.get(placeOf(message, message.offset));
    return row !== undefined && row.digest.equals(digestOf(message)) ? [[message, repairOf(row)] as const] : [];
  }));
}

/** Every repair of a place, the newest first. */
export async function listRepairs(pool: pg.Pool, group: string, { topic, partition, offset }: Place): Promise<KeptRepair[]> {
  const { rows } = await pool.query<RepairRow>(
    `SELECT ${COLUMNS} FROM message_repairs r WHERE r.group_name = $1 AND r.topic = $2 AND r.partition = $3 AND r.message_offset = $4 ORDER BY r.id DESC`, [group, topic, partition, offset],
  );
  return rows.map(repairOf);
}

/** What `repairMessage` needs: the group as its consumer has it, the dead letter or halt, and what to mend of its message. */
export interface RepairOptions {
  readonly pool: pg.Pool;
  readonly log: EventLog;
  readonly group: string;
  readonly handlers: readonly MessageHandler[];
  readonly eventTypes?: EventTypes;
  readonly letter: KeptMessage;
  readonly repair: Repair;
  readonly by: string;
  readonly reason: string;
}

const refuse = (code: 'failed-precondition' | 'invalid-argument', rule: string, message: string): RejectionError => new RejectionError({ code, rule, message, field: 'headers' });

/** Only what is judged before a message is decoded may be mended, and an id that took part in nothing: what has one, has had it booked. */
function assertModest(message: ReceivedMessage, { headers, oversize }: Repair): void {
  const foreign = Object.keys(headers).find((name) => !JUDGED_HEADERS.has(name) && isText(message.headers[name] ?? ''));
  if (foreign !== undefined) throw refuse('invalid-argument', 'header-not-judged', `${foreign} is none of ${[...JUDGED_HEADERS].join(', ')}, and came as text`);
  if (Object.keys(headers).length === 0 && !oversize) throw refuse('invalid-argument', 'nothing-repaired', 'name a header, or that it may be larger than the limit');
  const id = headers[HEADER.id] ?? message.id;
  if (id !== message.id && message.id !== '' && Buffer.byteLength(message.id) <= NAME_BYTES_MAX)
    throw refuse('invalid-argument', 'message-id-stands', `the message has the id ${message.id}, under which it takes effect once; that stands`);
}

/**
 * Writes down what is to be mended of a message that lies in the dead letters, or that a group halts at. Refused where the message
 * was not refused itself (what failed in its handler is not mended by other headers), and where it still would be.
 */
export async function repairMessage({ pool, log, group, handlers, eventTypes, letter, repair, by, reason }: RepairOptions): Promise<void> {
  const dispatcher = new Dispatcher(group, handlers, undefined, eventTypes);
  const message = await wholeMessage(log, letter);
  if (dispatcher.refusal(message) === undefined)
    throw refuse('failed-precondition', 'message-not-refused', 'this build reads the message: redrive it, after a fix of whatever handles it');
  assertModest(message, repair);
  const still = dispatcher.refusal(repaired(message, repair), repair.oversize);
  if (still !== undefined) throw refuse('invalid-argument', still.rejection.rule, `so mended it would still be refused: ${still.message}`);
  await pool.query(
    'INSERT INTO message_repairs (group_name, topic, partition, message_offset, digest, headers, oversize, repaired_by, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)',
    [group, message.topic, message.partition, message.offset, digestOf(message), JSON.stringify(repair.headers), repair.oversize, by, reason],
  );
  failpoint('repair.kept');
}
