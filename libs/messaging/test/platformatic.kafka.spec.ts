import { inject } from 'vitest';
import { PlatformaticEventLog } from '../src/kafka/platformatic-event-log.js';
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
    open: () => new PlatformaticEventLog({ brokers: brokers.split(','), sessionTimeoutMs: SESSION_MS }),
    spawnMember: (group, topic, hangAt) =>
      new TestChild(new URL('./support/member-process.ts', import.meta.url), [`kafka://${brokers}?client=platformatic`, String(SESSION_MS), group, topic, String(hangAt)]),
    sendUnchecked: (messages) => writeKafka(brokers, messages),
    drop: async () => undefined,
  };
}

eventLogContract('Kafka, by @platformatic/kafka', kafka);
consumerContract('Kafka, by @platformatic/kafka', kafka);
repairContract('Kafka, by @platformatic/kafka', kafka);
brokerRestartContract('Kafka, by @platformatic/kafka', () => kafkaToRestart((brokers) => new PlatformaticEventLog({ brokers, sessionTimeoutMs: SESSION_MS })));
