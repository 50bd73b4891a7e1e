import { setTimeout as wait } from 'node:timers/promises';
import { DeterministicRandom, sha256, utf8 } from '@skein/kernel';
import { EmbeddedEventLog, type ConsumeOptions, type EventLog, type PartitionBatch, type ReceivedMessage } from '@skein/messaging';
import type { Arming } from './arming.js';

const DELAY_MS_MAX = 40;
const KEPT = 50;
/** Of a hundred batches. */
const REPEATED = 40;

/** What the deliveries of a process did, told once each. */
export type Tell = (what: 'deliveries.repeated' | 'deliveries.mixed' | 'deliveries.delayed') => void;

/** Mixes messages of different keys; those of one key keep their order, as the log promises. */
export function mixed(messages: readonly ReceivedMessage[], below: (limit: number) => number): ReceivedMessage[] {
  const queues = [...Map.groupBy(messages, ({ key }) => key).values()].map((queue) => [...queue]);
  const out: ReceivedMessage[] = [];
  for (let left = queues.filter((queue) => queue.length > 0); left.length > 0; left = queues.filter((queue) => queue.length > 0)) out.push((left[below(left.length)] as ReceivedMessage[]).shift() as ReceivedMessage);
  return out;
}

/** Passes on as resolved what is resolved without a gap, whatever order the messages were handled in. */
export function inOrder(messages: readonly ReceivedMessage[], resolve: (message: ReceivedMessage) => void): (message: ReceivedMessage) => void {
  const done = new Set<bigint>();
  let next = 0;
  return ({ offset }) => {
    done.add(offset);
    for (let message = messages[next]; message !== undefined && done.has(message.offset); message = messages[next]) {
      resolve(message);
      next += 1;
    }
  };
}

/** A handler of batches that gets them late, mixed between keys, and whole ends of what it has seen once more. */
export function hostile(onBatch: ConsumeOptions['onBatch'], random: DeterministicRandom, tell: Tell): ConsumeOptions['onBatch'] {
  const seen = new Map<string, ReceivedMessage[]>();
  const below = (limit: number): number => random.intBelow(limit);
  return async (batch: PartitionBatch) => {
    const place = `${batch.topic}/${batch.partition}`;
    const before = seen.get(place) ?? [];
    await wait(below(DELAY_MS_MAX), undefined, { signal: batch.signal }).catch(() => undefined);
    tell('deliveries.delayed');
    if (before.length > 0 && below(100) < REPEATED) {
      tell('deliveries.repeated');
      await onBatch({ ...batch, messages: before.slice(below(before.length)), resolve: () => undefined });
    }
    const messages = mixed(batch.messages, below);
    if (messages.some((message, index) => message !== batch.messages[index])) tell('deliveries.mixed');
    const resolved: ReceivedMessage[] = [];
    const resolve = inOrder(batch.messages, (message) => {
      resolved.push(message);
      batch.resolve(message);
    });
    await onBatch({ ...batch, messages, resolve });
    seen.set(place, [...before, ...resolved].slice(-KEPT));
  };
}

/** Makes every consumer of this process a victim. */
export async function makeHostile({ seed, log }: NonNullable<Arming['deliveries']>, tell: Tell): Promise<void> {
  const random = new DeterministicRandom(sha256(utf8(`skein/chaos/deliveries/${seed}`)));
  for (const prototype of log === 'kafka' ? await kafkaPrototypes() : [EmbeddedEventLog.prototype]) {
    const { consume } = prototype;
    prototype.consume = function (this: EventLog, options) {
      return consume.call(this, { ...options, onBatch: hostile(options.onBatch, random, tell) });
    };
  }
}

/** Whichever client the process takes. */
const kafkaPrototypes = async (): Promise<Pick<EventLog, 'consume'>[]> => Object.values((await import('@skein/messaging/kafka')).KAFKA_EVENT_LOGS).map(({ prototype }) => prototype as EventLog);
