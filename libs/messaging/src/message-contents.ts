import { createHash } from 'node:crypto';
import { fromBinary, toBinary, type DescMessage } from '@bufbuild/protobuf';
import type { Expiring } from '@skein/events';
import type { RejectionError } from '@skein/kernel';
import type pg from 'pg';
import type { ReceivedMessage } from './event-log.js';
import { isRefusedValue, reasonOf } from './failure.js';
import { HEADER } from './headers.js';
import { otherContent, unnotedContent } from './inspect.js';
import { schemaFingerprint } from './schema-fingerprint.js';

const HASH_BYTES = 16;

/**
 * How long a sender's second message under an old id is told from a repetition. Later it counts as one: the inbox, which is kept,
 * lets it have no effect. A group that reads from the beginning meets the first one first again, and so finds the second again.
 */
export const MESSAGE_CONTENTS: Expiring = { what: 'message-content', table: 'message_contents', key: 'group_name, message_id', time: 'met_at', days: 30 };

/** A message that its group handles, with the schema by which it does. */
export interface MetMessage {
  readonly message: ReceivedMessage;
  readonly schema: DescMessage;
}

const hashed = (...parts: readonly (string | Uint8Array)[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest().subarray(0, HASH_BYTES);
};

/** The value as this build reads it, so that what a later one adds does not count; undefined where it cannot be read. */
function readable({ message, schema }: MetMessage): Uint8Array | undefined {
  try {
    return toBinary(schema, fromBinary(schema, message.value, { readUnknownFields: false }));
  } catch {
    return undefined;
  }
}

/**
 * What a message contains, and by which schemas: the reader's, and the one that its sender has written it with. Two releases may
 * both be right about the same event and still say it in more or fewer fields; which is not what a repetition is judged by.
 */
function contentOf(met: MetMessage): { schema: Buffer; content: Buffer } {
  const { type, key, value, headers } = met.message;
  const read = readable(met);
  const schemas = [read === undefined ? 'bytes' : schemaFingerprint(met.schema), headers[HEADER.dataSchema] ?? ''];
  return { schema: hashed(JSON.stringify(schemas)), content: hashed(JSON.stringify([type, key]), read ?? value) };
}

/** Notes what the messages contain; returns those whose id the group has met before with other content. */
export async function otherContents(pool: pg.Pool, group: string, met: readonly MetMessage[]): Promise<Set<ReceivedMessage>> {
  if (met.length === 0) return new Set();
  const contents = met.map(contentOf);
  const { rows } = await pool.query<{ place: string }>({
    name: 'message-contents-by-schema',
    text: 'SELECT message_contents_note($1, $2::text[], $3::bytea[], $4::bytea[]) AS place',
    values: [group, met.map(({ message: { topic, id } }) => `${topic}/${id}`), contents.map(({ schema }) => schema), contents.map(({ content }) => content)],
  });
  return new Set(rows.map(({ place }) => met[Number(place) - 1]!.message));
}

/** What is wrong with messages that may be decoded: an id met with other content, or a content that PostgreSQL refuses to note. */
export async function contentRefusals(pool: pg.Pool, group: string, met: readonly MetMessage[]): Promise<ReadonlyMap<ReceivedMessage, RejectionError>> {
  try {
    return new Map([...(await otherContents(pool, group, met))].map((message) => [message, otherContent(message)]));
  } catch (error) {
    if (!isRefusedValue(error)) throw error;
    const [only] = met;
    if (met.length === 1 && only !== undefined) return new Map([[only.message, unnotedContent(only.message, reasonOf(error))]]);
    // Which one it is shows only one by one; the others of its batch must not wait for it.
    const refusals = new Map<ReceivedMessage, RejectionError>();
    for (const one of met) for (const [message, refusal] of await contentRefusals(pool, group, [one])) refusals.set(message, refusal);
    return refusals;
  }
}
