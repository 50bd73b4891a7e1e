import { randomUUID } from 'node:crypto';
import type { Admin, Consumer, Kafka } from 'kafkajs';
import { delay } from '../embedded/delay.js';
import type { Place, ReceivedMessage } from '../event-log.js';
import { REQUEST_TIMEOUT_MS } from './kafka-options.js';
import { fromKafkaJs } from './kafkajs-wire.js';

/** The message of one place. kafkajs reads only as a member of a group: one that nobody else is in, nothing is committed for, and that is deleted afterwards. */
export async function readPlace(kafka: Kafka, admin: Admin, place: Place): Promise<ReceivedMessage | undefined> {
  const offsets = (await admin.fetchTopicOffsets(place.topic)).find(({ partition }) => partition === place.partition);
  if (offsets === undefined || place.offset < BigInt(offsets.low) || place.offset >= BigInt(offsets.high)) return undefined;
  const groupId = `skein-read-${randomUUID()}`;
  const consumer = kafka.consumer({ groupId, allowAutoTopicCreation: false });
  const late = new AbortController();
  try {
    const found = await Promise.race([firstOf(consumer, place), delay(REQUEST_TIMEOUT_MS, late.signal)]);
    if (found === undefined) throw new Error(`no answer for ${place.topic}/${place.partition}@${place.offset} within ${REQUEST_TIMEOUT_MS} ms`);
    // What was compacted away is followed by another one.
    return found.offset === place.offset ? found : undefined;
  } finally {
    late.abort();
    await consumer.disconnect();
    await admin.deleteGroups([groupId]).catch(() => undefined);
  }
}

/** The first message of the partition from the place on. */
async function firstOf(consumer: Consumer, { topic, partition, offset }: Place): Promise<ReceivedMessage> {
  const found = Promise.withResolvers<ReceivedMessage>();
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      const first = batch.partition === partition ? batch.messages.find((each) => BigInt(each.offset) >= offset) : undefined;
      if (first !== undefined) found.resolve(fromKafkaJs(topic, partition, first));
    },
  });
  consumer.seek({ topic, partition, offset: offset.toString() });
  return found.promise;
}
