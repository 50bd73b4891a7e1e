import { inject } from 'vitest';
import { KafkaJsEventLog } from '../src/kafka/kafkajs-event-log.js';
import { brokerRestartContract } from './broker-restart.contract.js';
import { consumerContract } from './consumer.contract.js';
import { eventLogContract, type AdapterHarness } from './event-log.contract.js';
import { repairContract } from './repair.contract.js';
import { TestChild } from './support/child.js';
import { kafkaToRestart } from './support/own-kafka.js';
import { writeKafka } from './support/unchecked.js';

const SESSION_MS = 6_000;

async function kafka(): Promise<AdapterHarness> {
  const brokers = inject('skeinKafkaBrokers');
  return {
    open: () => new KafkaJsEventLog({ brokers: brokers.split(','), sessionTimeoutMs: SESSION_MS }),
    spawnMember: (group, topic, hangAt) =>
      new TestChild(new URL('./support/member-process.ts', import.meta.url), [`kafka://${brokers}?client=kafkajs`, String(SESSION_MS), group, topic, String(hangAt)]),
    sendUnchecked: (messages) => writeKafka(brokers, messages),
    drop: async () => undefined,
  };
}

eventLogContract('Kafka, by kafkajs', kafka);
consumerContract('Kafka, by kafkajs', kafka);
repairContract('Kafka, by kafkajs', kafka);
brokerRestartContract('Kafka, by kafkajs', () => kafkaToRestart((brokers) => new KafkaJsEventLog({ brokers, sessionTimeoutMs: SESSION_MS })));
