import { artifactsMigrations } from '@skein/artifacts';
import { eventsMigrations, migrate } from '@skein/events';
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

/** Migrates the service's database as its owner; the names of what was applied. Several processes may do so at once. */
export async function migrateService(definition: Pick<ServiceDefinition, 'migrations' | 'artifacts'>, settings: Pick<Settings, 'migrationDatabaseUrl' | 'databaseUrl'>): Promise<readonly string[]> {
  const pool = new pg.Pool({ connectionString: settings.migrationDatabaseUrl, max: 1 });
  try {
    const appRole = decodeURIComponent(new URL(settings.databaseUrl).username);
    const owner = decodeURIComponent(new URL(settings.migrationDatabaseUrl).username);
    return await migrate(pool, migrationsOf(definition), appRole === '' || appRole === owner ? {} : { appRole });
  } finally {
    await pool.end();
  }
}
