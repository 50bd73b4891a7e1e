import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startKafka } from '@skein/embedded';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Bootstrap addresses of the run's Kafka, joined by commas. */
    skeinKafkaBrokers: string;
  }
}

/** vitest's globalSetup: the brokers of `KAFKA_BROKERS`, or one broker for the whole run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env['KAFKA_BROKERS'];
  if (given !== undefined && given !== '') {
    project.provide('skeinKafkaBrokers', given);
    return async () => undefined;
  }
  const dataDir = await mkdtemp(join(tmpdir(), 'skein test kafka '));
  const broker = await startKafka({ dataDir });
  project.provide('skeinKafkaBrokers', broker.brokers);
  return async () => {
    await broker.stop();
    await rm(dataDir, { recursive: true, force: true });
  };
}
