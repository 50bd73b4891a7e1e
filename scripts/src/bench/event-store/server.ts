import { mkdtemp } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres, type EmbeddedPostgres } from '@skein/embedded';
import pg from 'pg';

/** Starts the embedded PostgreSQL without fsync in a folder that goes with it, runs the work, stops it. */
export async function withServer<T>(work: (server: EmbeddedPostgres) => Promise<T>, options: { ephemeral: boolean; folder?: string } = { ephemeral: true }): Promise<T> {
  const dataDir = await mkdtemp(join(options.folder ?? tmpdir(), 'skein-bench-store-'));
  const server = await startPostgres({ dataDir, ephemeral: options.ephemeral });
  try {
    return await work(server);
  } finally {
    await server.stop();
  }
}

/** A pool that keeps its connections; what the server says at its end is nobody's failure. */
export function poolOf(connectionString: string, max: number): pg.Pool {
  const pool = new pg.Pool({ connectionString, max, idleTimeoutMillis: 0 });
  pool.on('error', () => undefined);
  return pool;
}

/** One statement of the administrator's. */
export async function asAdmin<Row extends object>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

/** What a reader needs to judge figures: versions, cores, the load of the machine before the run. */
export async function surroundings(server: EmbeddedPostgres): Promise<{ node: string; postgres: string; load1: number }> {
  const [row] = await asAdmin<{ version: string }>(server.adminUrl, `SELECT current_setting('server_version') AS version`);
  return { node: process.version, postgres: row?.version ?? '', load1: Number((loadavg()[0] ?? 0).toFixed(2)) };
}
