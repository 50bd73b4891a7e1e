import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, spawnTs } from '@skein/testing';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../src/free-port.js';
import { startPostgres, type EmbeddedPostgres } from '../src/postgres.js';

let root: string;
const running: EmbeddedPostgres[] = [];
const start = async (dataDir: string, port?: number): Promise<EmbeddedPostgres> => {
  const started = await startPostgres(port === undefined ? { dataDir } : { dataDir, port });
  running.push(started);
  return started;
};

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

beforeAll(async () => {
  // mkdtemp makes it 0700: as root the server runs as another user that may not pass it.
  root = await mkdtemp(join(tmpdir(), 'skein embedded '));
});
afterAll(async () => {
  await Promise.all(running.map((server) => server.stop()));
  await rm(root, { recursive: true, force: true });
});

test('below a 0700 folder with spaces it starts, keeps its data over a stop, and over a kill -9', async () => {
  expect((await stat(root)).mode & 0o777).toBe(0o700);
  const dataDir = join(root, 'a data folder');
  const first = await start(dataDir);
  await eventually(async () => expect(await stat(join(dataDir, 'pg.unflushed')).catch(() => 'flushed')).toBe('flushed'), { timeoutMs: 60_000 });
  const urls = await first.createDatabase('arena');
  expect(await first.createDatabase('arena')).toEqual(urls);
  await query(urls.ownerUrl, 'CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)');
  await first.stop();

  const second = await start(dataDir);
  const again = await second.createDatabase('arena');
  await query(again.ownerUrl, 'INSERT INTO kept VALUES (2)');
  process.kill(second.pid, 'SIGKILL');
  await second.exited;

  const third = await start(dataDir);
  const last = await third.createDatabase('arena');
  expect(await query(last.ownerUrl, 'SELECT n FROM kept ORDER BY n')).toEqual([{ n: 1 }, { n: 2 }]);
  await expect(query(last.appUrl, 'SELECT n FROM kept')).rejects.toThrow('permission denied');
});

test('a stop whose last checkpoint does not come to an end is cut short; nothing is lost, nobody is left', { timeout: 60_000 }, async () => {
  const dataDir = join(root, 'busy disk');
  const server = await start(dataDir);
  await query(server.adminUrl, 'CREATE TABLE kept AS SELECT 42 AS answer');
  const [checkpointer] = (await query(server.adminUrl, `SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'`)) as { pid: number }[];
  process.kill(checkpointer!.pid, 'SIGSTOP');
  await server.stop();
  expect(() => process.kill(checkpointer!.pid, 0)).toThrow('ESRCH');
  expect(await query((await start(dataDir)).adminUrl, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
});

test('a backend that cannot notice the death of its server does not hold up the next one', { timeout: 60_000 }, async () => {
  const dataDir = join(root, 'outlived');
  const first = await start(dataDir);
  await query(first.adminUrl, 'CREATE TABLE kept AS SELECT 42 AS answer');
  const client = new pg.Client({ connectionString: first.adminUrl });
  client.on('error', () => undefined);
  await client.connect();
  const { pid } = (await client.query('SELECT pg_backend_pid() AS pid')).rows[0] as { pid: number };
  process.kill(pid, 'SIGSTOP');
  process.kill(first.pid, 'SIGKILL');
  await first.exited;
  const next = await start(dataDir);
  expect(await query(next.adminUrl, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  await eventually(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'));
});

test('a taken port is named, a wrong password is refused', async () => {
  const server = await start(join(root, 'ports'));
  await expect(startPostgres({ dataDir: join(root, 'other'), port: server.port })).rejects.toThrow(`port ${server.port}`);
  const url = new URL(server.adminUrl);
  url.password = 'guess';
  await expect(query(url.href, 'SELECT 1')).rejects.toThrow('password authentication failed');
});

test('a fixed port is used, and a folder in use is refused', { timeout: 60_000 }, async () => {
  const port = await freePort();
  const dataDir = join(root, 'fixed');
  const server = await start(dataDir, port);
  expect(server.port).toBe(port);
  await expect(startPostgres({ dataDir })).rejects.toThrow(`in use by process ${server.pid}`);
});

describe('when the process that started it is killed with -9', () => {
  const child = new URL('./postgres-child.ts', import.meta.url);
  const isGone = (pid: number): void => expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  async function startedBy(dataDir: string, mode = ''): Promise<{ pid: number; kill: () => Promise<unknown> }> {
    const parent = spawnTs(child, [dataDir, mode]);
    const pid = Number((await parent.line((line) => line.startsWith('ready'))).split(' ')[1]);
    return { pid, kill: async () => parent.process.kill('SIGKILL') && parent.ended };
  }

  test('the server ends too, and the next start finds everything', async () => {
    const dataDir = join(root, 'orphan');
    const { pid, kill } = await startedBy(dataDir);
    await kill();
    // At once, while the old server may still be shutting down.
    const next = await start(dataDir);
    await eventually(() => isGone(pid));
    expect(await query(next.adminUrl, `SELECT datname FROM pg_database WHERE datname = 'arena'`)).toHaveLength(1);
  });

  test('together with the server and everything else of it, the next start recovers', async () => {
    const dataDir = join(root, 'everything');
    const { pid, kill } = await startedBy(dataDir);
    process.kill(pid, 'SIGKILL');
    await kill();
    const next = await start(dataDir);
    expect(await query(next.adminUrl, `SELECT datname FROM pg_database WHERE datname = 'arena'`)).toHaveLength(1);
  });

  test('an ephemeral server leaves no folder', async () => {
    const dataDir = join(root, 'ephemeral');
    const { pid, kill } = await startedBy(dataDir, 'ephemeral');
    await kill();
    await eventually(() => isGone(pid));
    await eventually(async () => expect(await stat(dataDir).catch(() => 'gone')).toBe('gone'));
  });

  test('a stranger with the number in the stale pid file does not matter', async () => {
    const dataDir = join(root, 'stranger');
    const first = await start(dataDir);
    process.kill(first.pid, 'SIGKILL');
    await first.exited;
    const file = join(dataDir, 'pg', 'postmaster.pid');
    const lines = (await readFile(file, 'utf8')).split('\n');
    await writeFile(file, [String(process.pid), ...lines.slice(1)].join('\n'));
    await start(dataDir);
  });

  test('a kill while the cluster is being made leaves nothing that hinders', async () => {
    const dataDir = join(root, 'half made');
    await mkdir(join(dataDir, 'pg.new', 'base'), { recursive: true });
    await writeFile(join(dataDir, 'pg.new.secret'), 'x');
    await start(dataDir);
  });
});
