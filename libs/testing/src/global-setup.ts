import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '@skein/embedded';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Administrator's connection string of the run's PostgreSQL. */
    skeinPostgresAdminUrl: string;
  }
}

/** vitest's globalSetup: one ephemeral PostgreSQL for the whole run, found by `freshDatabase`. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const postgres = await startPostgres({ dataDir: await mkdtemp(join(tmpdir(), 'skein-test-pg-')), ephemeral: true });
  project.provide('skeinPostgresAdminUrl', postgres.adminUrl);
  return () => postgres.stop();
}
