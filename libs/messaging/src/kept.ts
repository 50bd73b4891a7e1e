import { RejectionError } from '@skein/kernel';
import type { EventLog, ReceivedMessage } from './event-log.js';
import { isRefusedValue, reasonOf } from './failure.js';
import { messageBytes } from './message-size.js';

/** Most bytes of a message that are kept beside the reason why it was not handled: 16 MiB. Of a bigger one only its place in the log. */
export const KEPT_BYTES_MAX = 16 * 1024 * 1024;

/** A message as a dead letter or a halt has it. */
export interface KeptMessage {
  readonly message: ReceivedMessage;
  /** False: without headers, time and perhaps value, which are read again from the log. */
  readonly whole: boolean;
}

const stripped = (message: ReceivedMessage, value: Uint8Array): KeptMessage => ({ whole: false, message: { ...message, headers: {}, timeMs: 0, value } });

/**
 * Keeps a message as it came or, where it is too big for that or PostgreSQL refuses something of it, without what can be read again
 * from the log: one that could not be kept at all would be tried for ever and block its partition. What then still fails is the
 * database's fault, and waits for it.
 */
export async function keepMessage<T>(message: ReceivedMessage, reason: string, keep: (kept: KeptMessage, reason: string) => Promise<T>): Promise<T> {
  const sizeBytes = messageBytes(message);
  if (sizeBytes > KEPT_BYTES_MAX) return keep(stripped(message, new Uint8Array()), `${reason} (of its ${sizeBytes} bytes only the place in the log is kept)`);
  try {
    return await keep({ message, whole: true }, reason);
  } catch (error) {
    if (!isRefusedValue(error)) throw error;
    return keep(stripped(message, message.value), `${reason} (kept without headers and time: ${reasonOf(error)})`);
  }
}

const gone = (message: string): RejectionError => new RejectionError({ code: 'failed-precondition', rule: 'message-not-in-log', message });

/** The message as it came, from the log where it is not kept whole. Throws `message-not-in-log` where that has it no more. */
export async function wholeMessage(log: EventLog | undefined, { message, whole }: KeptMessage): Promise<ReceivedMessage> {
  if (whole) return message;
  const { topic, partition, offset, key } = message;
  if (log?.read === undefined) throw gone('the message is not kept whole, and this event log cannot be asked for one message');
  const found = await log.read({ topic, partition, offset });
  if (found === undefined || found.key !== key) throw gone(`the log has ${topic}/${partition}@${offset} no more`);
  return found;
}
