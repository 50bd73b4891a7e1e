import { eventually } from '@skein/testing';
import { expect, inject, it, onTestFinished } from 'vitest';
import type { EventLog } from '../src/event-log.js';
import { KafkaJsEventLog } from '../src/kafka/kafkajs-event-log.js';
import { PlatformaticEventLog } from '../src/kafka/platformatic-event-log.js';
import { Collector, fresh, numbersOf, series } from './support/messages.js';

const CLIENTS = { kafkajs: KafkaJsEventLog, platformatic: PlatformaticEventLog };
type Client = keyof typeof CLIENTS;

function open(client: Client): EventLog {
  const log = new CLIENTS[client]({ brokers: inject('skeinKafkaBrokers').split(','), sessionTimeoutMs: 6_000 });
  onTestFinished(() => log.close());
  return log;
}

it.each<[Client, Client]>([['kafkajs', 'platformatic'], ['platformatic', 'kafkajs']])('a group changes from %s to %s one member after the other', async (before, after) => {
  const [old, young] = [open(before), open(after)];
  const [topic, group] = [fresh('topic'), fresh('g')];
  const [first, second] = [new Collector(), new Collector()];
  await old.createTopics([{ topic, partitions: 4, retention: 'infinite' }]);
  const leaving = await old.consume({ group, topics: [topic], onBatch: first.onBatch });
  const staying = await young.consume({ group, topics: [topic], onBatch: second.onBatch });
  await eventually(() => expect([leaving.assignment().length, staying.assignment().length]).toEqual([2, 2]), { timeoutMs: 20_000 });
  await old.send(series(topic, 100, 10));
  await eventually(() => expect(first.ids.length + second.ids.length).toBe(100), { timeoutMs: 20_000 });
  await leaving.stop();
  await eventually(() => expect(staying.assignment()).toHaveLength(4), { timeoutMs: 20_000 });
  await young.send(series(topic, 100, 10, 100));
  await eventually(() => expect(first.ids.length + second.ids.length).toBe(200), { timeoutMs: 20_000 });
  const received = [...first.received, ...second.received];
  for (let key = 0; key < 10; key++) expect(numbersOf(received, `k${key}`)).toEqual(Array.from({ length: 20 }, (_, at) => key + 10 * at));
});
