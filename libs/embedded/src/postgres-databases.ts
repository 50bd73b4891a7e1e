import { createHmac } from 'node:crypto';
import pg from 'pg';

/** Connection strings of one service's database: the owner migrates, the app role serves. */
export interface DatabaseUrls {
  ownerUrl: string;
  appUrl: string;
}

const NAME = /^[a-z][a-z0-9_]{0,40}$/;

function urlFor(adminUrl: string, database: string, role: string, password: string): string {
  const url = new URL(adminUrl);
  url.username = role;
  url.password = password;
  url.pathname = `/${database}`;
  return url.href;
}

/** Runs `work` on one administrator's connection. */
async function asAdmin<T>(adminUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function ensureRole(client: pg.Client, role: string, password: string): Promise<void> {
  const known = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [role]);
  await client.query(`${known.rowCount ? 'ALTER' : 'CREATE'} ROLE "${role}" LOGIN PASSWORD '${password}'`);
}

/**
 * A database `name` with roles `<name>_owner` and `<name>_app`, made where missing; may be repeated and raced. Passwords
 * follow from the administrator's, so nothing has to be kept. The app role may connect and create schemas (projections),
 * and gets its table rights from `migrate`.
 */
export async function createDatabase(adminUrl: string, name: string): Promise<DatabaseUrls> {
  if (!NAME.test(name)) throw new Error(`not a database name: ${name}`);
  const secret = decodeURIComponent(new URL(adminUrl).password);
  const passwordOf = (role: string): string => createHmac('sha256', secret).update(role).digest('hex');
  const [owner, app] = [`${name}_owner`, `${name}_app`];
  await asAdmin(adminUrl, async (client) => {
    // All of this is repeated at every start; what a crash of the server loses of it is made again.
    await client.query('SET synchronous_commit = off');
    // Two processes making the same database would otherwise meet between the look and the creation.
    await client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [`skein-database-${name}`]);
    await ensureRole(client, owner, passwordOf(owner));
    await ensureRole(client, app, passwordOf(app));
    const known = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    if (!known.rowCount) await client.query(`CREATE DATABASE "${name}" OWNER "${owner}" TEMPLATE template0 STRATEGY wal_log`);
    await client.query(`REVOKE ALL ON DATABASE "${name}" FROM PUBLIC; GRANT CONNECT, CREATE, TEMPORARY ON DATABASE "${name}" TO "${app}"`);
  });
  return { ownerUrl: urlFor(adminUrl, name, owner, passwordOf(owner)), appUrl: urlFor(adminUrl, name, app, passwordOf(app)) };
}

/** Removes a database and its two roles, ending whoever is still connected. Nothing happens where it does not exist. */
export async function dropDatabase(adminUrl: string, name: string): Promise<void> {
  if (!NAME.test(name)) throw new Error(`not a database name: ${name}`);
  await asAdmin(adminUrl, async (client) => {
    await client.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
    await client.query(`DROP ROLE IF EXISTS "${name}_owner", "${name}_app"`);
  });
}
