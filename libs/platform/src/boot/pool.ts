import type { Meter, ObservableResult } from '@opentelemetry/api';
import pg from 'pg';

/** A database that does not answer is an error to retry, not a wait without end; the same bounds the wait for a free connection. */
const CONNECT_MS_MAX = 10_000;

/** No statement takes this long; a connection whose other end is gone without a word would otherwise be waited for for hours. */
const QUERY_MS_MAX = 30_000;
/** The server gives up first, so that it does not go on with what nobody waits for and the connection can be used again. */
const STATEMENT_MS_MAX = QUERY_MS_MAX - 1_000;

/** The connections of a service to its database, and how many queries wait for one. */
export function makePool(service: string, databaseUrl: string, max: number, meter: Meter): pg.Pool {
  const pool = new pg.Pool({
    connectionString: databaseUrl, max, application_name: `skein-${service}`, connectionTimeoutMillis: CONNECT_MS_MAX, query_timeout: QUERY_MS_MAX, statement_timeout: STATEMENT_MS_MAX, keepAlive: true,
  });
  const observe = (read: () => number) => (result: ObservableResult): void => result.observe(read());
  meter.createObservableGauge('db_pool_waiting', { unit: '{request}', description: 'queries and transactions that wait for a connection to the database' }).addCallback(observe(() => pool.waitingCount));
  meter.createObservableGauge('db_pool_busy', { unit: '{connection}', description: 'connections to the database that are in use' }).addCallback(observe(() => pool.totalCount - pool.idleCount));
  return pool;
}
