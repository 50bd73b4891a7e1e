import type { TestProject } from 'vitest/node';
import './global-setup.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Bootstrap addresses of the run's Kafka, joined by commas. */
    skeinKafkaBrokers: string;
  }
}

const KAFKA_PORT = 9_092;
const START_MS_MAX = 120_000;

/** vitest's globalSetup: PostgreSQL and Kafka from their official images, through testcontainers. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { GenericContainer, getContainerRuntimeClient, Wait } = await import('testcontainers');
  await getContainerRuntimeClient();
  const password = crypto.randomUUID();
  const postgres = await new GenericContainer('postgres:18')
    .withEnvironment({ POSTGRES_PASSWORD: password })
    .withCommand(['postgres', '-c', 'fsync=off', '-c', 'max_connections=200'])
    .withExposedPorts(5_432)
    .withWaitStrategy(Wait.forLogMessage(/ready to accept connections/, 2))
    .withStartupTimeout(START_MS_MAX)
    .start();
  project.provide('skeinPostgresAdminUrl', `postgres://postgres:${password}@${postgres.getHost()}:${postgres.getMappedPort(5_432)}/postgres`);
  const { freePort } = await import('@skein/embedded');
  // Clients are sent on to the advertised address, so the port outside has to be known before the broker starts.
  const port = await freePort();
  const kafka = await new GenericContainer('apache/kafka:4.1.1')
    .withEnvironment(environmentOf(postgres.getHost(), port))
    .withExposedPorts({ container: KAFKA_PORT, host: port })
    .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
    .withStartupTimeout(START_MS_MAX)
    .start();
  project.provide('skeinKafkaBrokers', `${kafka.getHost()}:${port}`);
  return async () => {
    await Promise.all([kafka.stop(), postgres.stop()]);
  };
}

const environmentOf = (host: string, port: number): Record<string, string> => ({
  KAFKA_NODE_ID: '1', KAFKA_PROCESS_ROLES: 'broker,controller', KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093', KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
  KAFKA_LISTENERS: `PLAINTEXT://:${KAFKA_PORT},CONTROLLER://:9093`, KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://${host}:${port}`,
  KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT', KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1', KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
  KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1', KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0', KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false', KAFKA_MESSAGE_MAX_BYTES: String(1024 * 1024 + 64 * 1024),
});
