import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventLogFromUrl, partitionOf } from '@skein/messaging';
import pg from 'pg';
import { badMessages } from '../../all-in-one/test/support/bad-messages.js';
import { loadKafkaJs } from '../../../libs/messaging/src/kafka/kafkajs-load.js';
import { toWire } from '../../../libs/messaging/src/kafka/wire.js';
import { Cluster } from '../src/index.js';

badMessages('a process for each service, on Kafka', async () => {
  const data = mkdtempSync(join(tmpdir(), 'skein bad messages '));
  // A halted process is not replaced here: what mends it must do so without that.
  const cluster = await Cluster.start({ data, seed: 'bad messages', eventLog: 'kafka', roles: 'all', instances: { arena: 1, billing: 1 }, supervise: false, ephemeral: true });
  const log = eventLogFromUrl({ url: cluster.eventLog.url, clientId: 'test' });
  const poolOf = (connectionString: string): pg.Pool => new pg.Pool({ connectionString, max: 2 }).on('error', () => undefined);
  const pools = { arena: poolOf(cluster.databases.arena.appUrl), 'fl-aggregator': poolOf(cluster.databases['fl-aggregator'].appUrl) };
  const { Kafka, logLevel } = loadKafkaJs();
  const producer = new Kafka({ brokers: cluster.eventLog.url.replace(/^kafka:\/\/([^?/]*).*$/, '$1').split(','), clientId: 'stranger', logLevel: logLevel.NOTHING }).producer({ allowAutoTopicCreation: false });
  await producer.connect();
  return {
    devnetFile: join(data, 'devnet.json'), log, pools,
    sendUnchecked: async (message) => {
      const { key, value, headers } = toWire(message);
      const partitions = (await log.topics?.())?.find(({ topic }) => topic === message.topic)?.partitions ?? 1;
      await producer.send({ topic: message.topic, messages: [{ key, value, headers: { ...headers }, partition: partitionOf(message.key, partitions) }] });
    },
    close: async () => {
      await producer.disconnect();
      await log.close();
      await Promise.all(Object.values(pools).map((pool) => pool.end()));
      await cluster.stop();
      rmSync(data, { recursive: true, force: true });
    },
  };
});
