import { randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase, dropDatabase, startPostgres } from '@skein/embedded';
import { migrate } from '@skein/events';
import pg from 'pg';
import { inject } from 'vitest';

/** A database of one test, migrated, with a pool for each role. */
export interface TestDatabase {
  name: string;
  ownerUrl: string;
  appUrl: string;
  ownerPool: pg.Pool;
  appPool: pg.Pool;
  drop(): Promise<void>;
}

let own: Promise<string> | undefined;

async function startOwn(): Promise<string> {
  const postgres = await startPostgres({ dataDir: await mkdtemp(join(tmpdir(), 'skein-test-pg-')), ephemeral: true });
  return postgres.adminUrl;
}

/** Administrator's URL of the run's server; without the global setup, of one that this process starts and that ends with it. */
export async function adminUrl(): Promise<string> {
  return inject('skeinPostgresAdminUrl') ?? (own ??= startOwn());
}

const pool = (connectionString: string, max: number): pg.Pool => {
  const made = new pg.Pool({ connectionString, max, idleTimeoutMillis: 0 });
  // An idle connection that the server ends (drop, restart) is no failure of the test.
  made.on('error', () => undefined);
  return made;
};

/** An empty database with the given migration folders applied, in that order; `drop()` in afterAll. */
export async function freshDatabase(...migrations: URL[]): Promise<TestDatabase> {
  const admin = await adminUrl();
  const name = `t_${randomBytes(8).toString('hex')}`;
  const { ownerUrl, appUrl } = await createDatabase(admin, name);
  const [ownerPool, appPool] = [pool(ownerUrl, 2), pool(appUrl, 8)];
  await migrate(ownerPool, migrations);
  return {
    name, ownerUrl, appUrl, ownerPool, appPool,
    drop: async () => {
      await Promise.all([ownerPool.end(), appPool.end()]);
      await dropDatabase(admin, name);
    },
  };
}
