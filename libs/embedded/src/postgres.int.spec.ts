import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from './free-port.js';
import { startPostgres, type EmbeddedPostgres } from './postgres.js';

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

test('a taken port is named, a wrong password is refused', async () => {
  const server = await start(join(root, 'ports'));
  await expect(startPostgres({ dataDir: join(root, 'other'), port: server.port })).rejects.toThrow(`port ${server.port}`);
  const url = new URL(server.adminUrl);
  url.password = 'guess';
  await expect(query(url.href, 'SELECT 1')).rejects.toThrow('password authentication failed');
});

test('a fixed port is used and a folder in use is refused', async () => {
  const port = await freePort();
  const server = await start(join(root, 'fixed'), port);
  expect(server.port).toBe(port);
});
