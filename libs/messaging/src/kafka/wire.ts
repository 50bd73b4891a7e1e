import type { PublicMessage, ReceivedMessage } from '../event-log.js';
import { HEADER } from '../headers.js';

/*
 * Only where a message's id or type is not the CloudEvents header's (messages that were not built by `publicMessage`): then
 * these carry it, and are taken away again by whoever reads.
 */
const OWN_ID = 'skein-id';
const OWN_TYPE = 'skein-type';

/** A record as Kafka clients take it. */
export interface WireRecord {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  readonly timestampMs: number;
}

/** A record as Kafka clients give it: anything may be missing or not be ours. */
export interface ForeignRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Iterable<readonly [string, string]>;
  readonly timestampMs: number;
}

const bytes = (value: Uint8Array): Buffer => Buffer.from(value.buffer, value.byteOffset, value.byteLength);

export function toWire(message: PublicMessage): WireRecord {
  const { id, type, headers } = message;
  const own = {
    ...(headers[HEADER.id] === id ? {} : { [OWN_ID]: id }),
    ...(headers[HEADER.type] === type ? {} : { [OWN_TYPE]: type }),
  };
  return { key: Buffer.from(message.key), value: bytes(message.value), headers: { ...headers, ...own }, timestampMs: message.timeMs };
}

/** PostgreSQL keeps no NUL in text, and a message that cannot be parked would be tried for ever. */
const text = (value: string): string => value.replaceAll('\0', '\uFFFD');

/** Never throws: what a stranger has written becomes a message that the consumer can refuse. Of a repeated header the last counts. */
export function fromWire(record: ForeignRecord): ReceivedMessage {
  const { [OWN_ID]: ownId, [OWN_TYPE]: ownType, ...headers } = Object.fromEntries([...record.headers].map(([name, value]) => [text(name), text(value)]));
  return {
    topic: record.topic,
    partition: record.partition,
    offset: record.offset,
    key: record.key === null ? '' : text(bytes(record.key).toString()),
    id: ownId ?? headers[HEADER.id] ?? '',
    type: ownType ?? headers[HEADER.type] ?? '',
    timeMs: record.timestampMs,
    value: record.value === null ? new Uint8Array() : new Uint8Array(record.value.buffer, record.value.byteOffset, record.value.byteLength),
    headers,
  };
}
