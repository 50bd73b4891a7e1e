import { randomBytes, randomUUID } from 'node:crypto';
import { eventLogFromUrl, type EventLog, type PublicMessage } from '@skein/messaging';

const PARTITIONS = 6;
const KEYS = 64;
const BATCH = 100;
const VALUE_BYTES = 300;

/** Messages per second of one adapter: sent by one caller in batches of 100, and received by a new group. */
export interface Rates {
  readonly out: number;
  readonly in: number;
}

async function sendAll(log: EventLog, topic: string, messages: number): Promise<void> {
  const value = randomBytes(VALUE_BYTES);
  for (let from = 0; from < messages; from += BATCH) {
    const batch = Array.from({ length: BATCH }, (_, at): PublicMessage => {
      const id = `${topic}-${from + at}`;
      return { topic, key: `key-${(from + at) % KEYS}`, id, type: 'skein.bench.sent.v1', timeMs: from + at, value, headers: { ce_id: id, ce_type: 'skein.bench.sent.v1', ce_specversion: '1.0' } };
    });
    await log.send(batch);
  }
}

/** Messages per second from the first batch on: joining and leaving a group are no part of it. */
async function receivedPerSecond(log: EventLog, topic: string, messages: number): Promise<number> {
  const done = Promise.withResolvers<number>();
  let [received, counted, startedMs] = [0, 0, 0];
  const consumer = await log.consume({
    group: `bench-${randomUUID()}`,
    topics: [topic],
    onBatch: async (batch) => {
      if (received === 0) startedMs = performance.now();
      else counted += batch.messages.length;
      received += batch.messages.length;
      batch.resolve(batch.messages.at(-1)!);
      if (received >= messages) done.resolve(counted / ((performance.now() - startedMs) / 1_000));
    },
  });
  const rate = await done.promise;
  await consumer.stop();
  return rate;
}

async function perSecond(messages: number, work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return messages / ((performance.now() - startedMs) / 1_000);
}

/** Sends and receives `messages` of 300 bytes through the log behind a URL. */
export async function ratesOf(url: string, messages: number): Promise<Rates> {
  const log = eventLogFromUrl({ url, clientId: 'skein-bench' });
  const topic = `bench.${randomUUID().slice(0, 8)}`;
  try {
    await log.createTopics([{ topic, partitions: PARTITIONS, retention: 'infinite' }]);
    // The connection and its first request are no part of a rate.
    await sendAll(log, topic, BATCH);
    const out = await perSecond(messages, () => sendAll(log, topic, messages));
    return { out, in: await receivedPerSecond(log, topic, messages + BATCH) };
  } finally {
    await log.close();
  }
}
