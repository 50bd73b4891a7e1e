import { randomUUID } from 'node:crypto';
import { sourceOf } from '../../src/headers.js';
import type { PartitionBatch, PublicMessage, ReceivedMessage } from '../../src/event-log.js';

/** What CloudEvents requires. */
export const ceHeaders = (topic: string, id: string, type: string): Record<string, string> => ({ ce_specversion: '1.0', ce_id: id, ce_type: type, ce_source: sourceOf(topic) });

/** A message without meaning: `<key>#<n>`. */
export const messageOf = (topic: string, key: string, n: number, value: Uint8Array = new Uint8Array([n & 255])): PublicMessage => ({
  topic, key, id: `${key}#${n}`, type: 'skein.test.noted.v1', timeMs: 1_700_000_000_000 + n, value, headers: { ce_id: `${key}#${n}` },
});

/** `count` messages over the keys k0…k<keys-1>, in order. */
export const series = (topic: string, count: number, keys = 5, from = 0): PublicMessage[] =>
  Array.from({ length: count }, (_, at) => messageOf(topic, `k${(from + at) % keys}`, from + at));

/** A name that no other test has. */
export const fresh = (what: string): string => `${what}.${randomUUID().slice(0, 8)}`;

/** Collects what a consumer gets and settles it at once. */
export class Collector {
  readonly received: ReceivedMessage[] = [];
  readonly onBatch = async (batch: PartitionBatch): Promise<void> => {
    for (const message of batch.messages) {
      if (batch.signal.aborted) return;
      this.received.push(message);
      batch.resolve(message);
    }
  };
  get ids(): string[] {
    return this.received.map(({ id }) => id);
  }
}

/** Numbers of a key's messages in the order in which they came. */
export const numbersOf = (received: readonly { key: string; id: string }[], key: string): number[] =>
  received.filter((message) => message.key === key).map(({ id }) => Number(id.split('#')[1]));

/** Something that opens once. */
export function gate(): { opened: Promise<void>; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}
