import { join } from 'node:path';
import { startPostgres, type DatabaseUrls, type EmbeddedPostgres } from '@skein/embedded';
import { migrate } from '@skein/events';
import { eventLogMigrations, loadTopics, sharedEventLog, type EventLog } from '@skein/messaging';
import type { ServiceName } from '@skein/platform';
import pg from 'pg';
import { SERVICE_NAMES } from './ports.js';

/** The embedded PostgreSQL with a database per service and one for the event log. */
export interface Databases {
  readonly postgres: EmbeddedPostgres;
  readonly services: Readonly<Record<ServiceName, DatabaseUrls>>;
  readonly log: EventLog;
  readonly logUrl: string;
}

const databaseName = (name: ServiceName): string => name.replaceAll('-', '_');

/** Makes a database with its two roles where it is missing. */
export type MakeDatabase = (name: string) => Promise<DatabaseUrls>;

/** The database of each service. */
export async function serviceDatabases(make: MakeDatabase): Promise<Record<ServiceName, DatabaseUrls>> {
  const made = async (name: ServiceName) => [name, await make(databaseName(name))] as const;
  return Object.fromEntries(await Promise.all(SERVICE_NAMES.map(made))) as Record<ServiceName, DatabaseUrls>;
}

/** The embedded event log's database, migrated. */
export async function logDatabase(make: MakeDatabase): Promise<DatabaseUrls> {
  const log = await make('event_log');
  const { ownerUrl, appUrl } = log;
  const pool = new pg.Pool({ connectionString: ownerUrl, max: 1 });
  try {
    await migrate(pool, [eventLogMigrations], { appRole: decodeURIComponent(new URL(appUrl).username) });
    return log;
  } finally {
    await pool.end();
  }
}

/** Starts PostgreSQL on the data folder and makes what is missing. `report` hears of what background loops could not do. */
export async function startDatabases(data: string, port: number, report: (error: unknown, where: string) => void): Promise<Databases> {
  const postgres = await startPostgres({ dataDir: join(data, 'postgres'), port });
  const [log, services] = await Promise.all([logDatabase(postgres.createDatabase), serviceDatabases(postgres.createDatabase)]);
  const eventLog = sharedEventLog({ url: log.appUrl, onError: report });
  await eventLog.createTopics(await loadTopics());
  return { postgres, services, log: eventLog, logUrl: log.appUrl };
}
