import { freshDatabase, spawnTs, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compareProjection, eventsMigrations, EventStore } from '../src/index.js';
import { account } from './account.js';
import { balances } from './balances.js';

const COMMANDS = 60;
let db: TestDatabase;
let store: EventStore;
beforeAll(async () => {
  db = await freshDatabase(eventsMigrations);
  store = new EventStore({ pool: db.appPool });
});
afterAll(async () => {
  await store.close();
  await db.drop();
});

test('a service killed with -9 again and again ends as an undisturbed one: every command, job, timer and reaction once', async () => {
  const child = new URL('./kill-child.ts', import.meta.url);
  for (const killAt of [3, 11, 24, 40, 59]) {
    const victim = spawnTs(child, [db.appUrl, String(COMMANDS)]);
    await victim.line((line) => line === `done ${killAt}`);
    victim.process.kill('SIGKILL');
    expect(await victim.ended).toBe('SIGKILL');
  }
  const last = spawnTs(child, [db.appUrl, String(COMMANDS)]);
  await last.line((line) => line === 'complete');
  expect(await last.ended).toBe(0);
  const versions: Record<string, number> = {};
  for (const stream of ['command-0', 'command-1', 'command-2', 'command-3', 'worked', 'timed', 'reacted']) versions[stream] = (await store.state(account, stream)).version;
  const each = (COMMANDS / 4) * 2;
  expect(versions).toEqual({ 'command-0': each, 'command-1': each, 'command-2': each, 'command-3': each, worked: COMMANDS * 2, timed: COMMANDS * 2, reacted: COMMANDS * 4 });
  const head = await store.headPosition();
  expect((await store.readAll(0n, 10_000)).map((event) => event.position)).toEqual(Array.from({ length: Number(head) }, (_, n) => BigInt(n + 1)));
  expect(await compareProjection(store, balances())).toMatchObject({ equal: true, position: head });
});
