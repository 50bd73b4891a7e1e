import type { CompressionTypes as Types } from 'kafkajs';
import pg from 'pg';
import type { PublicMessage } from '../../src/event-log.js';
import { loadKafkaJs } from '../../src/kafka/kafkajs-load.js';
import { toWire } from '../../src/kafka/wire.js';
import { messageBytes } from '../../src/message-size.js';

/** Writes messages past the limits of `send`, as a stranger may: into the first partition of a topic of the embedded log. */
export async function writeEmbedded(url: string, messages: readonly PublicMessage[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const message of messages) {
      const { key, id, type, timeMs, headers, value } = message;
      await client.query(
        'SELECT log_append(ARRAY[(SELECT id FROM log_partitions WHERE topic = $1 AND partition = 0)], ARRAY[$2::text], ARRAY[$3::text], ARRAY[$4::text], ARRAY[$5::bigint], ARRAY[$6::text], ARRAY[$7::bytea], ARRAY[$8::integer])',
        [message.topic, key, id, type, timeMs, JSON.stringify(headers), Buffer.from(value), messageBytes(message)],
      );
    }
  } finally {
    await client.end();
  }
}

/** The same on Kafka: compressed, so that the broker lets it pass. */
export async function writeKafka(brokers: string, messages: readonly PublicMessage[]): Promise<void> {
  const kafkaJs = loadKafkaJs();
  const producer = new kafkaJs.Kafka({ brokers: brokers.split(','), logLevel: kafkaJs.logLevel.NOTHING }).producer({ allowAutoTopicCreation: false });
  await producer.connect();
  try {
    for (const message of messages) {
      const { key, value, headers, timestampMs } = toWire(message);
      await producer.send({ topic: message.topic, compression: kafkaJs.CompressionTypes.GZIP as Types, messages: [{ key, value, headers: { ...headers }, timestamp: String(timestampMs), partition: 0 }] });
    }
  } finally {
    await producer.disconnect();
  }
}
