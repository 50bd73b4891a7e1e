import type { KafkaMessage } from 'kafkajs';
import type { ReceivedMessage } from '../event-log.js';
import { fromWire } from './wire.js';

/** A record as kafkajs gives it. */
export const fromKafkaJs = (topic: string, partition: number, { offset, key, value, headers, timestamp }: KafkaMessage): ReceivedMessage => fromWire({
  topic, partition, offset: BigInt(offset), key, value,
  headers: Object.entries(headers ?? {}).map(([name, text]) => [name, textOf(text)] as const), timestampMs: Number(timestamp),
});

/** A header that is there several times comes as a list; the last one counts. */
function textOf(value: Buffer | string | (Buffer | string)[] | undefined): string {
  const last = Array.isArray(value) ? value.at(-1) : value;
  return last?.toString() ?? '';
}
