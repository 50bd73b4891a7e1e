import { createHash } from 'node:crypto';
import type pg from 'pg';
import type { ReceivedMessage } from './event-log.js';

const HASH_BYTES = 16;

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
