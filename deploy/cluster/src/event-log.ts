import { join } from 'node:path';
import { logDatabase, type MakeDatabase } from '@skein/all-in-one';
import { startKafka, type EmbeddedKafka } from '@skein/embedded';
import { applyTopics, eventLogFromUrl, loadTopics } from '@skein/messaging';
import type { ClusterOptions } from './options.js';

/** The event log that the services share. */
export interface ClusterEventLog {
  /** `EVENT_LOG_URL` of the services. */
  readonly url: string;
  /** The embedded broker; undefined for the embedded log and for a Kafka of one's own. */
  readonly kafka: EmbeddedKafka | undefined;
  /** Makes or alters the topics of the manifest. */
  applyTopics(): Promise<void>;
  stop(): Promise<void>;
}

/** Hears of what background work could not do. */
export type Report = (error: unknown, where: string) => void;

async function bringTopics(url: string, onError: Report): Promise<void> {
  const log = eventLogFromUrl({ url, clientId: 'skein-topics', onError });
  try {
    await applyTopics(log, await loadTopics());
  } finally {
    await log.close();
  }
}

/** The embedded log: a database beside those of the services. */
export async function embeddedLog(make: MakeDatabase, report: Report): Promise<ClusterEventLog> {
  const { appUrl: url } = await logDatabase(make);
  return { url, kafka: undefined, applyTopics: () => bringTopics(url, report), stop: async () => undefined };
}

/** Kafka: one's own, or the embedded broker with its data below the cluster's. */
export async function kafkaLog({ data, kafkaBrokers, cacheDir }: ClusterOptions, ports: { readonly kafka: number; readonly kafkaController: number }, report: Report): Promise<ClusterEventLog> {
  const kafka = kafkaBrokers !== undefined ? undefined : await startKafka({
    dataDir: join(data, 'kafka'),
    port: ports.kafka,
    controllerPort: ports.kafkaController,
    ...(cacheDir === undefined ? {} : { cacheDir }),
  });
  const url = `kafka://${kafkaBrokers ?? kafka?.brokers}`;
  return { url, kafka, applyTopics: () => bringTopics(url, report), stop: async () => kafka?.stop() };
}
