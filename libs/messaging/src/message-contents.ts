import { createHash } from 'node:crypto';
import type { Expiring } from '@skein/events';
import type pg from 'pg';
import type { ReceivedMessage } from './event-log.js';

const HASH_BYTES = 16;

/**
 * How long a sender's second message under an old id is told from a repetition. Later it counts as one: the inbox, which is kept,
 * lets it have no effect. A group that reads from the beginning meets the first one first again, and so finds the second again.
 */
export const MESSAGE_CONTENTS: Expiring = { what: 'message-content', table: 'message_contents', key: 'group_name, message_id', time: 'met_at', days: 30 };

function hashOf({ type, key, value }: ReceivedMessage): Buffer {
  return createHash('sha256').update(JSON.stringify([type, key])).update(value).digest().subarray(0, HASH_BYTES);
}

/** Notes what the messages contain; returns those whose id the group has met before with other content. */
export async function otherContents(pool: pg.Pool, group: string, messages: readonly ReceivedMessage[]): Promise<Set<ReceivedMessage>> {
  if (messages.length === 0) return new Set();
  const { rows } = await pool.query<{ place: string }>({
    name: 'message-contents',
    text: 'SELECT message_contents_note($1, $2, $3) AS place',
    values: [group, messages.map(({ topic, id }) => `${topic}/${id}`), messages.map(hashOf)],
  });
  return new Set(rows.map(({ place }) => messages[Number(place) - 1]!));
}
