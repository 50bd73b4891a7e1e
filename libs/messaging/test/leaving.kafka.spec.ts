import { eventually } from '@skein/testing';
import { expect, inject, it, onTestFinished } from 'vitest';
import type { EventLog, PartitionBatch } from '../src/event-log.js';
import { KAFKA_CLIENTS, type KafkaClient } from '../src/event-log-from-url.js';
import { KAFKA_EVENT_LOGS } from '../src/kafka/index.js';
import { Collector, fresh, gate, series } from './support/messages.js';

/** Whoever has to be missed is missed after the test's patience. */
const SESSION_MS = 60_000;
const SOON = { timeoutMs: 15_000 };

function open(client: KafkaClient): EventLog {
  const log = new KAFKA_EVENT_LOGS[client]({ brokers: inject('skeinKafkaBrokers').split(','), sessionTimeoutMs: SESSION_MS });
  onTestFinished(() => log.close());
  return log;
}

it.each(KAFKA_CLIENTS)('%s: a member that stops while it is joining leaves nothing behind that holds partitions', async (client) => {
  const [staying, leaving] = [open(client), open(client)];
  const [topic, group, busy, done] = [fresh('topic'), fresh('g'), gate(), gate()];
  const collector = new Collector();
  await staying.createTopics([{ topic, partitions: 4, retention: 'infinite' }]);
  const onBatch = async (batch: PartitionBatch): Promise<void> => {
    // A handler that takes its time: its member joins again only when it is through.
    busy.open();
    await done.opened;
    await collector.onBatch(batch);
  };
  const member = await staying.consume({ group, topics: [topic], onBatch });
  await staying.send(series(topic, 10));
  await busy.opened;
  const joining = leaving.consume({ group, topics: [topic], onBatch: async () => undefined });
  joining.catch(() => undefined);
  await eventually(async () => expect(await staying.members?.(group)).toHaveLength(2), { timeoutMs: 30_000 });
  await leaving.close();
  done.open();
  await eventually(() => expect(member.assignment()).toHaveLength(4), SOON);
  await staying.send(series(topic, 20, 20, 10));
  await eventually(() => expect(new Set(collector.ids).size).toBe(30), SOON);
}, 120_000);
