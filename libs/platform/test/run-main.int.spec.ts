import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import { z } from 'zod';
import { assertNodeVersion, runMain } from '../src/index.js';
import { definition, SERVICE_SECRET } from './harness.js';
import { Probe } from './note-api.js';

let database: TestDatabase;
let printed: string;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database.drop());
beforeEach(() => {
  printed = '';
  const write = (chunk: unknown): boolean => {
    printed += String(chunk);
    return true;
  };
  vi.spyOn(process.stdout, 'write').mockImplementation(write);
  vi.spyOn(process.stderr, 'write').mockImplementation(write);
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

const service = { ...definition(new Probe()), config: z.object({ EPOCH_MS: z.coerce.number() }) };

test('--help lists roles and variables, also the own ones', async () => {
  await runMain(service, ['--help']);
  expect(printed).toMatch(/api\|worker\|migrate\|all[\s\S]*DATABASE_URL +required[\s\S]*EPOCH_MS/);
  expect(process.exitCode).toBeUndefined();
});

test.each([[[]], [['serve']], [['api', 'worker']]])('%j is a usage error', async (argv) => {
  await runMain(service, argv);
  expect(process.exitCode).toBe(2);
});

test('all configuration errors at once, without values', async () => {
  await runMain(service, ['api'], { SERVICE_TOKEN_SECRET: 'hunter2' });
  expect(process.exitCode).toBe(1);
  expect(printed).toMatch(/configuration of arena:\n[\s\S]*DATABASE_URL: is missing[\s\S]*SERVICE_TOKEN_SECRET[\s\S]*EPOCH_MS: is missing/);
  expect(printed).not.toContain('hunter2');
});

test('migrate migrates as the owner, and again does nothing', async () => {
  const environment = { DATABASE_URL: database.appUrl, MIGRATION_DATABASE_URL: database.ownerUrl, SERVICE_TOKEN_SECRET: SERVICE_SECRET, EPOCH_MS: '1' };
  await runMain(service, ['migrate'], environment);
  expect(printed).toContain('0001_event_store.sql');
  printed = '';
  await runMain(service, ['migrate'], environment);
  expect(JSON.parse(printed)).toMatchObject({ message: 'migrated', applied: [] });
  await database.appPool.query('SELECT count(*) FROM es_event');
});

test('an unreachable database ends with its error, not with a stack', async () => {
  await runMain(service, ['migrate'], { DATABASE_URL: 'postgres://a:hunter2@127.0.0.1:1/x', SERVICE_TOKEN_SECRET: SERVICE_SECRET, EPOCH_MS: '1' });
  expect(process.exitCode).toBe(1);
  expect(printed).toMatch(/^arena: .+\n$/);
  expect(printed).not.toContain('hunter2');
});

test('an older Node is refused', () => {
  expect(() => assertNodeVersion('20.20.2')).toThrow('Node 24 or newer is needed, this is 20.20.2');
  assertNodeVersion('24.0.0');
});
