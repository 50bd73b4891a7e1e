import { formatAddressBook, rewardsAbi, taskKey, taskStakingAbi } from '@skein/contracts-evm';
import { EventStore, eventsMigrations } from '@skein/events';
import { OUTBOX_FAILPOINTS } from '@skein/telemetry';
import { freshDatabase, spawnTs, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OutboxDesk } from '../src/application/outbox/outbox-desk.js';
import { OutboxStore } from '../src/application/outbox/outbox-store.js';
import type { Intent } from '../src/domain/outbox/intent.js';
import { OutboxNet } from './outbox-net.js';

let net: OutboxNet;
let database: TestDatabase;
let store: EventStore;
let desk: OutboxDesk;
let tasks = 0;
let intents = 0;

beforeAll(async () => {
  net = await OutboxNet.start();
  database = await freshDatabase(eventsMigrations);
  store = new EventStore({ pool: database.appPool });
  desk = new OutboxDesk(new OutboxStore(store, net.book.chainId));
});
afterAll(async () => {
  await store.close();
  await database.drop();
  await net.stop();
});

const child = (killAt = '') =>
  spawnTs(new URL('./outbox-child.ts', import.meta.url), [database.appUrl, net.anvil.rpcUrl, formatAddressBook(net.book), net.keyFile, killAt]);

/** A task that opens, gets its vesting and ends: the last one is refused by the chain until the others are mined. */
async function decideTask(): Promise<string> {
  tasks += 1;
  const taskId = `0192f0c1-2b3c-7def-8123-${String(tasks).padStart(12, '0')}`;
  const { timestamp } = await net.admin.reader.getBlock();
  const decided: Intent[] = [
    { kind: 'open-task', taskId, latestEnd: timestamp + 86_400n },
    { kind: 'fix-vesting', taskId, start: timestamp, duration: 60n },
    { kind: 'finish-task', taskId },
  ];
  for (const intent of decided) expect(await desk.accept(intent, { metadata: { correlationId: 'test', actor: 'test' } })).toMatchObject({ ok: true });
  intents += decided.length;
  return taskId;
}

const points = [...Object.keys(OUTBOX_FAILPOINTS), 'append.before', 'append.committed'];

test.each(points.map((point, at) => [point, 1 + (at % 2)] as const))('killed with -9 at %s, hit %i: each intent has its effect once', async (point, hit) => {
  const taskId = await decideTask();
  expect(await child(`${point}:${hit}`).ended).toBe('SIGKILL');
  const last = child();
  await last.line((line) => line === 'done');
  expect(await last.ended).toBe(0);
  expect(await net.read('taskStaking', taskStakingAbi, 'taskOf', taskKey(taskId))).toMatchObject({ status: 2 });
  expect(await net.read('rewards', rewardsAbi, 'isFixed', taskKey(taskId))).toBe(true);
  // One transaction for each intent ever decided, none failed, none twice.
  expect(await net.sent()).toBe(intents);
});
