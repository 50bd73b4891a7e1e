import { RejectionError } from '@skein/kernel';
import { MESSAGE_BYTES_MAX, type PublicMessage } from './event-log.js';

/** Bytes of key, headers (as JSON) and value: what the limit counts, on every log. */
export const messageBytes = ({ key, headers, value }: PublicMessage): number =>
  Buffer.byteLength(key) + Buffer.byteLength(JSON.stringify(headers)) + value.byteLength;

/** The message's size; refused (`message-too-large`) above the limit. */
export function checkedBytes(message: PublicMessage): number {
  const sizeBytes = messageBytes(message);
  if (sizeBytes <= MESSAGE_BYTES_MAX) return sizeBytes;
  throw new RejectionError({ code: 'invalid-argument', rule: 'message-too-large', message: `message ${message.id} has ${sizeBytes} bytes; at most ${MESSAGE_BYTES_MAX}`, field: 'value' });
}

/** The refusal of a topic that nobody has made. */
export const unknownTopic = (topic: string): RejectionError =>
  new RejectionError({ code: 'invalid-argument', rule: 'unknown-topic', message: `topic ${topic} does not exist; topics come from the manifest`, field: 'topic' });
