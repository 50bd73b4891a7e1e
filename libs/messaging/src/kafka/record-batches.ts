import type { PublicMessage } from '../event-log.js';
import { checkedBytes, unknownTopic } from '../message-size.js';
import { partitionOf } from '../partitioner.js';
import { BATCH_BYTES_MAX } from './kafka-options.js';
import { toWire, type WireRecord } from './wire.js';

/** A record with its place. */
export interface PlacedRecord extends WireRecord {
  readonly topic: string;
  readonly partition: number;
}

/** Framing of a record and of its headers is less than this. */
const RECORD_OVERHEAD = 64;
const HEADER_OVERHEAD = 12;

const bytesOf = ({ key, value, headers }: WireRecord): number =>
  Object.entries(headers).reduce((sum, [name, text]) => sum + Buffer.byteLength(name) + Buffer.byteLength(text) + HEADER_OVERHEAD, key.byteLength + value.byteLength + RECORD_OVERHEAD);

/**
 * Checks all messages (`message-too-large`, `unknown-topic`) before the first is written, and splits them into requests, in
 * order, none of which holds more for one partition than a record batch may. Almost always one.
 */
export async function recordBatches(messages: readonly PublicMessage[], partitionsOf: (topic: string) => Promise<number>): Promise<PlacedRecord[][]> {
  for (const message of messages) {
    checkedBytes(message);
    if ((await partitionsOf(message.topic)) === 0) throw unknownTopic(message.topic);
  }
  const requests: PlacedRecord[][] = [[]];
  let filled = new Map<string, number>();
  for (const message of messages) {
    const partition = partitionOf(message.key, await partitionsOf(message.topic));
    const record = { ...toWire(message), topic: message.topic, partition };
    const name = `${message.topic}/${partition}`;
    const already = filled.get(name) ?? 0;
    const sizeBytes = bytesOf(record);
    if (already > 0 && already + sizeBytes > BATCH_BYTES_MAX) {
      requests.push([]);
      filled = new Map();
    }
    filled.set(name, (filled.get(name) ?? 0) + sizeBytes);
    requests.at(-1)!.push(record);
  }
  return requests;
}
