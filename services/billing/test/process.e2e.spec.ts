import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { eventLogMigrations, loadTopics, sharedEventLog } from '@skein/messaging';
import { eventually, freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const children = new Set<ChildProcess>();
let database: TestDatabase;
let logDatabase: TestDatabase;

beforeAll(async () => {
  [database, logDatabase] = await Promise.all([freshDatabase(), freshDatabase(eventLogMigrations)]);
  const log = sharedEventLog({ url: logDatabase.appUrl });
  await log.createTopics(await loadTopics());
  await log.close();
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await Promise.all([database.drop(), logDatabase.drop()]);
});

function start(role: string, more: Record<string, string> = {}) {
  const env = {
    PATH: process.env['PATH'] ?? '', DATABASE_URL: database.appUrl, MIGRATION_DATABASE_URL: database.ownerUrl, EVENT_LOG_URL: logDatabase.appUrl,
    SERVICE_TOKEN_SECRET: 'a service token secret of the tests only', HTTP_PORT: '0', GRPC_PORT: '0', INTERNAL_GRPC_PORT: '0', ...more,
  };
  const child = spawn(process.execPath, [MAIN, role], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => {
    children.delete(child);
    resolve(code);
  }));
  return { child, ended, out: () => out, err: () => err };
}

const portOf = (out: string): number => Number(/"http":(\d+)/.exec(out)?.[1]);

test('migrates, runs as API and worker each, serves health and metrics, and stops gracefully', async () => {
  const migrated = start('migrate');
  expect(await migrated.ended).toBe(0);
  expect(migrated.out()).toContain('customer_name');
  const [api, worker] = [start('api'), start('worker')];
  for (const { out, err } of [api, worker]) {
    const port = await eventually(() => {
      expect(portOf(out()), err()).toBeGreaterThan(0);
      return portOf(out());
    }, { timeoutMs: 30_000 });
    await eventually(async () => expect((await fetch(`http://127.0.0.1:${port}/health/ready`)).status).toBe(200), { timeoutMs: 20_000 });
    expect((await fetch(`http://127.0.0.1:${port}/metrics`)).status).toBe(200);
  }
  const openApi = (await (await fetch(`http://127.0.0.1:${portOf(api.out())}/billing/openapi.json`)).json()) as { openapi: string; paths: object };
  expect(openApi.openapi).toMatch(/^3\.1/);
  expect(Object.keys(openApi.paths)).toContain('/billing/v1/customers');
  for (const { child } of [api, worker]) child.kill('SIGTERM');
  expect(await Promise.all([api.ended, worker.ended])).toEqual([0, 0]);
}, 90_000);

test('names everything that is wrong with its configuration at once and prints no secret', async () => {
  const wrong = start('all', { DATABASE_URL: 'nowhere', PLATFORM_FEE_BPS: '10001', HOLD_BACK_MS: 'soon', API_KEY_SECRET: 'short-secret' });
  expect(await wrong.ended).toBe(1);
  for (const name of ['DATABASE_URL', 'PLATFORM_FEE_BPS', 'HOLD_BACK_MS', 'API_KEY_SECRET']) expect(wrong.err()).toContain(name);
  expect(wrong.err()).not.toContain('short-secret');
});
