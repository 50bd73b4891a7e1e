import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kafkaAvailable, startKafka, type EmbeddedPostgres } from '@skein/embedded';
import { migrate } from '@skein/events';
import { eventLogMigrations, KAFKA_CLIENTS } from '@skein/messaging';
import { poolOf, withServer } from '../event-store/server.js';

/** The servers of a bench, and the URLs of the event logs on them by adapter. */
export interface MessagingStage {
  readonly postgres: EmbeddedPostgres;
  readonly logs: ReadonlyMap<string, string>;
  /** Why there is no Kafka. */
  readonly withoutKafka?: string;
}

/** Starts PostgreSQL, and Kafka where that can be had (`KAFKA_BROKERS`, or Maven jars), for the length of `work`. */
export function withLogs<T>(work: (stage: MessagingStage) => Promise<T>, options: { readonly brokers?: string; readonly cacheDir?: string } = {}): Promise<T> {
  return withServer(async (postgres) => {
    const { ownerUrl, appUrl } = await postgres.createDatabase('log');
    const owner = poolOf(ownerUrl, 1);
    await migrate(owner, [eventLogMigrations]);
    await owner.end();
    const logs = new Map([['embedded', appUrl]]);
    const add = (brokers: string): void => KAFKA_CLIENTS.forEach((client) => logs.set(client, `kafka://${brokers}?client=${client}`));
    if (options.brokers) {
      add(options.brokers);
      return work({ postgres, logs });
    }
    const available = await kafkaAvailable(options.cacheDir);
    if (!available.ok) return work({ postgres, logs, withoutKafka: available.why });
    const dataDir = await mkdtemp(join(tmpdir(), 'skein-bench-kafka-'));
    const kafka = await startKafka({ dataDir, ...(options.cacheDir && { cacheDir: options.cacheDir }) });
    try {
      add(kafka.brokers);
      return await work({ postgres, logs });
    } finally {
      await kafka.stop();
      await rm(dataDir, { recursive: true, force: true });
    }
  });
}
