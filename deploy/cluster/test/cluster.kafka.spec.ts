import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TaskService } from '@skein/contracts/arena';
import { parseAddressBook } from '@skein/contracts-evm';
import { eventLogFromUrl, loadTopics, planTopics, type EventLog } from '@skein/messaging';
import { eventually } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ArenaPlay, closePeople, peopleOf } from '../../all-in-one/test/support/arena-play.js';
import type { Devnet } from '../../../scripts/src/process/skein-process.js';
import { Cluster, type ClusterOptions } from '../src/index.js';

const data = mkdtempSync(join(tmpdir(), 'skein cluster kafka '));
const OPTIONS: ClusterOptions = { services: ['arena'], eventLog: 'kafka', data, seed: 'kafka' };
const WAIT = { timeoutMs: 60_000, everyMs: 50 };
let cluster: Cluster;
let play: ArenaPlay;

async function playOn(): Promise<ArenaPlay> {
  const devnet = JSON.parse(readFileSync(join(data, 'devnet.json'), 'utf8')) as Devnet;
  const s = { devnet, book: parseAddressBook(devnet.addressBook) };
  return new ArenaPlay(s, await peopleOf(s, { trainers: 0, validators: 0 }));
}

async function withLog<T>(work: (log: EventLog) => Promise<T>): Promise<T> {
  const log = eventLogFromUrl({ url: cluster.eventLog.url, clientId: 'test' });
  try {
    return await work(log);
  } finally {
    await log.close();
  }
}

/** Waits until other services can read that the task was proposed. */
const published = (task: string, group: string): Promise<void> =>
  withLog(async (log) => {
    const id = task.replace('tasks/', '');
    const keys = new Set<string>();
    const consumer = await log.consume({
      group,
      topics: ['arena.task.v1'],
      onBatch: async (batch) => {
        for (const message of batch.messages) {
          keys.add(message.key);
          batch.resolve(message);
        }
      },
    });
    await eventually(() => expect([...keys].some((key) => key.includes(id))).toBe(true), WAIT);
    await consumer.stop();
  });

beforeAll(async () => {
  cluster = await Cluster.start(OPTIONS);
  play = await playOn();
});
afterAll(async () => {
  if (play !== undefined) closePeople(play.people);
  await cluster?.stop();
  rmSync(data, { recursive: true, force: true });
});

test('the topics are those of the manifest', async () => {
  const specs = await loadTopics();
  const plan = await withLog((log) => planTopics(log, specs));
  const named = plan.filter(({ action }) => action !== 'unmanaged');
  expect(named.map(({ action }) => action)).toEqual(specs.map(() => 'unchanged'));
});

let first = '';
test('what is decided in an API process is published by a worker process', async () => {
  first = await play.propose('over Kafka');
  await play.people.operator.client(TaskService, 'arena').approveTask({ requestId: play.people.operator.requestId('approve first'), name: first });
  await published(first, 'test.first');
});

test('a worker that is killed is replaced, and the other one publishes meanwhile', async () => {
  const victim = cluster.process('arena', 'worker', 0);
  const { pid } = victim;
  victim.kill();
  const name = await play.propose('while a worker is away');
  await play.people.operator.client(TaskService, 'arena').approveTask({ requestId: play.people.operator.requestId('approve second'), name });
  await published(name, 'test.second');
  await victim.untilReady();
  expect(victim.pid).not.toBe(pid);
});

test('a process that hangs is replaced', async () => {
  const victim = cluster.process('arena', 'api', 1);
  const { pid } = victim;
  victim.kill('SIGSTOP');
  await eventually(() => expect(victim.alive && victim.pid !== pid).toBe(true), WAIT);
  await victim.untilReady();
});

test('a cluster that was stopped goes on where it was, and is not started on another event log', async () => {
  closePeople(play.people);
  await cluster.stop();
  await expect(Cluster.start({ ...OPTIONS, eventLog: 'embedded' })).rejects.toThrow('--event-log');
  cluster = await Cluster.start(OPTIONS);
  play = await playOn();
  expect((await play.task(first)).name).toBe(first);
  await published(first, 'test.third');
});
