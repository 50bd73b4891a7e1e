import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres, type EmbeddedPostgres } from '@skein/embedded';
import { eventually } from '@skein/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compareProjection, eventsMigrations, EventStore, isTransient, JobWorker, migrate, projectionSink, readJob, Subscription } from '../src/index.js';
import { account, metadata, type AccountCommand, type AccountEvent } from './account.js';
import { balances } from './balances.js';

let dataDir: string;
let server: EmbeddedPostgres;
let pool: pg.Pool;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'skein-restart-'));
  server = await startPostgres({ dataDir });
  const { ownerUrl, appUrl } = await server.createDatabase('restarted');
  const ownerPool = new pg.Pool({ connectionString: ownerUrl, max: 1 });
  await migrate(ownerPool, [eventsMigrations]);
  await ownerPool.end();
  pool = new pg.Pool({ connectionString: appUrl, max: 4 });
});
afterAll(async () => {
  await pool.end();
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
});

test('a server killed with -9 and started again: acknowledged commands are there, repeated ones happen once, workers go on by themselves', async () => {
  const store = new EventStore({ pool, onError: () => undefined });
  const deposit = (key: string): ReturnType<typeof store.execute> => store.execute<{ balance: bigint }, AccountCommand, AccountEvent>({
    decider: account, streamId: 'account-1', metadata, command: () => ({ change: 1n }), key: { scope: 's', key, requestHash: 'h' },
    effects: () => [{ job: { id: `job-${key}`, kind: 'work', payload: null } }],
  });
  const subscription = new Subscription({ store, sink: projectionSink(store, balances()), onError: () => undefined });
  const jobs = new JobWorker({ pool, kind: 'work', onError: () => undefined, handle: async () => undefined });
  await Promise.all([subscription.start(), jobs.start()]);
  for (let n = 0; n < 10; n += 1) expect(await deposit(`${n}`)).toMatchObject({ ok: true });
  const [port, pid] = [server.port, server.pid];
  process.kill(pid, 'SIGKILL');
  await server.exited;
  // A backend may outlive its killed server for a moment, and answer.
  const outcome: unknown = await deposit('10').then(() => 'answered', (error: unknown) => (isTransient(error) ? 'transient' : error));
  expect(['transient', 'answered']).toContain(outcome);
  server = await startPostgres({ dataDir, port });
  for (let n = 0; n < 20; n += 1) await eventually(async () => expect(await deposit(`${n}`)).toMatchObject({ ok: true, value: n < 10 ? { duplicate: true } : {} }));
  await subscription.catchUp();
  expect(await store.state(account, 'account-1')).toEqual({ state: { balance: 20n }, version: 20 });
  expect(await compareProjection(store, balances())).toMatchObject({ equal: true, position: 20n });
  await eventually(async () => expect((await readJob(pool, 'job-19'))?.state).toBe('done'));
  await Promise.all([subscription.stop(), jobs.stop()]);
  await store.close();
});
