import { artifactsMigrations } from '@skein/artifacts';
import { checkStoredVersions, eventsMigrations, migrate, type Upcasters } from '@skein/events';
import { messagingMigrations } from '@skein/messaging';
import pg from 'pg';
import type { ServiceDefinition } from '../service-definition.js';
import type { Settings } from '../settings.js';

/** Folders of a service's numbered SQL: the event store's, the consumers', the artifacts' where it keeps some, its own. */
export const migrationsOf = ({ artifacts, migrations }: Pick<ServiceDefinition, 'migrations' | 'artifacts'>): readonly URL[] => [
  eventsMigrations,
  messagingMigrations,
  ...(artifacts === true ? [artifactsMigrations] : []),
  ...migrations,
];

const UNDEFINED_TABLE = '42P01';

/** As `assertReadable`, before the first write of all; a database whose tables are still to come holds nothing that is too new. */
async function assertReadableIfThere(pool: pg.Pool, upcasters: Upcasters): Promise<void> {
  try {
    await checkStoredVersions(pool, upcasters);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === UNDEFINED_TABLE)) throw error;
  }
}

/**
 * Migrates the service's database as its owner; the names of what was applied. Several processes may do so at once. Throws before
 * it writes anything where a newer program has written events that this one cannot read.
 */
export async function migrateService(definition: Pick<ServiceDefinition, 'migrations' | 'artifacts' | 'upcasters'>, settings: Pick<Settings, 'migrationDatabaseUrl' | 'databaseUrl'>): Promise<readonly string[]> {
  const pool = new pg.Pool({ connectionString: settings.migrationDatabaseUrl, max: 1 });
  try {
    const appRole = decodeURIComponent(new URL(settings.databaseUrl).username);
    await assertReadableIfThere(pool, definition.upcasters ?? {});
    const owner = decodeURIComponent(new URL(settings.migrationDatabaseUrl).username);
    return await migrate(pool, migrationsOf(definition), appRole === '' || appRole === owner ? {} : { appRole });
  } finally {
    await pool.end();
  }
}
