import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import type { Pool, PoolClient } from 'pg';
import { guardPool } from './transaction.js';

/** Numbered SQL of the event store; the first folder of every service's migrations. */
export const eventsMigrations = new URL('../src/migrations/', import.meta.url);

const FILE = /^\d{4}_[a-z0-9_]+\.sql$/;

interface Migration {
  id: string;
  sql: string;
  sha256: string;
}

async function readMigrations(dir: URL): Promise<Migration[]> {
  const base = new URL(dir.href.endsWith('/') ? dir.href : `${dir.href}/`);
  const names = (await readdir(base)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (name) => {
      if (!FILE.test(name)) throw new Error(`migration ${name} is not named like 0001_name.sql`);
      const sql = await readFile(new URL(name, base), 'utf8');
      return { id: name, sql, sha256: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

// The version before may be at work. A migration that builds an index and then alters the log would hold off a writer that has
// read the log, and then wait for that reader: a deadlock for each append in between. So who changes anything has the log to
// itself first, while it holds nothing that anybody waits for.
const LOG_FIRST = `DO $$ BEGIN
  IF to_regclass('public.es_event') IS NOT NULL THEN LOCK TABLE es_event IN ACCESS EXCLUSIVE MODE; END IF;
END $$`;

async function applyAll(client: PoolClient, migrations: readonly Migration[]): Promise<string[]> {
  await client.query('CREATE TABLE IF NOT EXISTS es_migration (name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())');
  const known = await client.query<{ name: string; sha256: string }>('SELECT name, sha256 FROM es_migration');
  const shaOf = new Map(known.rows.map((row) => [row.name, row.sha256]));
  const applied: string[] = [];
  if (migrations.some(({ id }) => !shaOf.has(id))) await client.query(LOG_FIRST);
  for (const { id, sql, sha256 } of migrations) {
    const before = shaOf.get(id);
    if (before === sha256) continue;
    if (before !== undefined) throw new Error(`migration ${id} was changed after it had been applied; add a new one`);
    await client.query(sql);
    await client.query('INSERT INTO es_migration (name, sha256) VALUES ($1, $2)', [id, sha256]);
    shaOf.set(id, sha256);
    applied.push(id);
  }
  return applied;
}

/** By comment, insert-only: the app role may add rows and never change them; read-only: not even that. */
async function grant(client: PoolClient, appRole: string): Promise<void> {
  const role = client.escapeIdentifier(appRole);
  const tables = await client.query<{ name: string; mark: string }>(`
    SELECT quote_ident(relname) AS name, coalesce(substring(obj_description(oid, 'pg_class') FROM '^(insert|read)-only'), '') AS mark
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') AND relname <> 'es_migration'`);
  const allowed: Record<string, string> = { read: 'SELECT', insert: 'SELECT, INSERT', '': 'SELECT, INSERT, UPDATE, DELETE' };
  const rights = tables.rows.map(({ name, mark }) => `REVOKE ALL ON ${name} FROM ${role}; GRANT ${allowed[mark] ?? ''} ON ${name} TO ${role}`);
  await client.query(
    [`GRANT USAGE ON SCHEMA public TO ${role}`, `GRANT SELECT ON es_migration TO ${role}`, ...rights,
      `GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ${role}`].join(';\n'),
  );
}

/**
 * Applies what is missing of the folders' numbered SQL (`0001_name.sql`), in the folders' order, all or nothing, one process
 * at a time; returns the names of what it applied. A changed file that was applied before is an error; so are two folders with the same file name.
 * Then gives the app role (default: the owner's name with `_app` for `_owner`) its rights on the tables of `public`: all rows, or
 * SELECT and INSERT where the table's comment begins with `insert-only`, SELECT where it begins with `read-only`.
 */
export async function migrate(ownerPool: Pool, dirs: readonly URL[], options: { appRole?: string } = {}): Promise<string[]> {
  const migrations = (await Promise.all(dirs.map(readMigrations))).flat();
  const twice = migrations.find((migration, at) => migrations.findIndex((other) => other.id === migration.id) !== at);
  if (twice) throw new Error(`two migrations are named ${twice.id}`);
  guardPool(ownerPool);
  const client = await ownerPool.connect();
  let broken: Error | undefined;
  try {
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock(20250, 2)');
    const applied = await applyAll(client, migrations);
    const who = await client.query<{ role: string }>('SELECT current_user AS role');
    await grant(client, options.appRole ?? (who.rows[0]?.role ?? '').replace(/_owner$/, '_app'));
    await client.query('COMMIT');
    return applied;
  } catch (error) {
    await client.query('ROLLBACK').catch((failure: Error) => (broken = failure));
    throw error;
  } finally {
    client.release(broken);
  }
}
