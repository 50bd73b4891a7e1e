import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { TaskService, type Task } from '@skein/contracts/arena';
import { parseAddressBook } from '@skein/contracts-evm';
import { createClient, SkeinError } from '@skein/sdk';
import { eventually } from '@skein/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ArenaPlay, closePeople, peopleOf } from '../../all-in-one/test/support/arena-play.js';
import { isAlive, processTree } from '../../../scripts/src/process/tree.js';
import type { Devnet } from '../../../scripts/src/process/skein-process.js';
import { Cluster } from '../src/index.js';

const data = mkdtempSync(join(tmpdir(), 'skein cluster-'));
const said: string[] = [];
let cluster: Cluster;
let devnet: Devnet;
let play: ArenaPlay;

const OPTIONS = { services: ['arena'], eventLog: 'embedded', ephemeral: true } as const;

beforeAll(async () => {
  cluster = await Cluster.start({ ...OPTIONS, data, seed: 'cluster', say: (line) => void said.push(line) });
  devnet = JSON.parse(readFileSync(join(data, 'devnet.json'), 'utf8')) as Devnet;
  const s = { devnet, book: parseAddressBook(devnet.addressBook) };
  play = new ArenaPlay(s, await peopleOf(s, { trainers: 0, validators: 0 }));
});
afterAll(async () => {
  if (play !== undefined) closePeople(play.people);
  await cluster?.stop();
  rmSync(data, { recursive: true, force: true });
});

const json = async (path: string): Promise<unknown> => (await fetch(cluster.frontUrl + path)).json();

test('API and workers of each instance are processes of their own, all healthy', async () => {
  expect(cluster.processes.map(({ name }) => name)).toEqual(['arena/api/0', 'arena/api/1', 'arena/worker/0', 'arena/worker/1']);
  expect(new Set(cluster.processes.map(({ pid }) => pid)).size).toBe(4);
  expect(await json('/health/ready')).toEqual({ ready: true, services: { arena: true }, processes: { 'arena/api/0': true, 'arena/api/1': true, 'arena/worker/0': true, 'arena/worker/1': true } });
  expect(() => cluster.process('billing', 'api')).toThrow('this cluster has no process billing/api/0');
});

test('no secret is in the arguments of a process, and the administrator\'s password is in no environment', () => {
  const { secrets, databases } = cluster.surroundings;
  const admin = decodeURIComponent(new URL(cluster.postgres?.adminUrl ?? '').password);
  const owner = decodeURIComponent(new URL(databases.arena.ownerUrl).password);
  for (const { pid } of cluster.processes) {
    const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    for (const secret of [secrets.operatorToken, secrets.serviceTokenSecret, admin, owner]) expect(argv).not.toContain(secret);
    const environ = readFileSync(`/proc/${pid}/environ`, 'utf8');
    for (const secret of [secrets.operatorToken, admin, owner]) expect(environ).not.toContain(secret);
  }
});

test('metrics of all processes of a service come as one text', async () => {
  const text = await (await fetch(`${cluster.frontUrl}/arena/metrics`)).text();
  const relay = text.split('\n').filter((line) => line.startsWith('relay_lag_events{'));
  // Whoever leads the relay knows its lag.
  expect(relay.length).toBeGreaterThan(0);
  for (const line of relay) expect(line).toMatch(/process="arena\/worker\/[01]"/);
  expect(text.match(/^# TYPE relay_lag_events /gm)).toHaveLength(1);
});

test('a command sent to two instances at once has one effect', async () => {
  await play.propose('warm');
  const s = { devnet: { ...devnet, grpc: { arena: `127.0.0.1:${cluster.process('arena', 'api', 0).ports.grpc}` } }, book: parseAddressBook(devnet.addressBook) };
  const other = { ...s, devnet: { ...devnet, grpc: { arena: `127.0.0.1:${cluster.process('arena', 'api', 1).ports.grpc}` } } };
  const twins = await Promise.all([s, other].map(async (one) => new ArenaPlay(one, await peopleOf(one, { trainers: 0, validators: 0 }))));
  for (let round = 0; round < 5; round += 1) {
    const names = await Promise.all(twins.map((twin) => twin.propose(`twice ${round}`)));
    expect(new Set(names).size).toBe(1);
  }
  twins.forEach(({ people }) => closePeople(people));
});

describe('one process of two dies', () => {
  test('the other answers, and it comes back', async () => {
    const victim = cluster.process('arena', 'api', 0);
    const { pid } = victim;
    victim.kill();
    await eventually(() => expect(victim.alive).toBe(false));
    for (let call = 0; call < 20; call += 1) expect((await fetch(`${cluster.frontUrl}/arena/v1/tasks`)).status).toBe(200);
    const { tasks } = await play.people.partner.client(TaskService, 'arena').listTasks({});
    expect(tasks.length).toBeGreaterThan(0);
    await victim.untilReady();
    expect(victim.pid).not.toBe(pid);
    expect(said).toContainEqual(expect.stringMatching(/^arena\/api\/0 ended \(SIGKILL\); it is started again/));
  });

  test('its work is taken over by the other worker', async () => {
    const [first, second] = [cluster.process('arena', 'worker', 0), cluster.process('arena', 'worker', 1)];
    first.kill();
    second.kill('SIGTERM');
    const name = await play.propose('while both workers were away');
    await eventually(async () => {
      const { tasks } = await play.people.partner.client(TaskService, 'arena').listTasks({ pageSize: 100 });
      expect(tasks.map((task) => task.name)).toContain(name);
    });
    await Promise.all([first.untilReady(), second.untilReady()]);
  });
});

/** Calls without repeating them until told to end; counts answers and kinds of failures. */
async function load(call: () => Promise<unknown>, going: () => boolean): Promise<{ good: number; advised: number; lost: unknown[] }> {
  const counts = { good: 0, advised: 0, lost: [] as unknown[] };
  while (going()) {
    try {
      await call();
      counts.good += 1;
    } catch (error) {
      if (error instanceof SkeinError && error.retriable) counts.advised += 1;
      else counts.lost.push(error);
    }
  }
  return counts;
}

async function allTasks(): Promise<Task[]> {
  const found: Task[] = [];
  for (let pageToken = ''; ; ) {
    const { tasks, nextPageToken } = await play.people.partner.client(TaskService, 'arena').listTasks({ pageSize: 100, pageToken });
    found.push(...tasks);
    if (nextPageToken === '') return found;
    pageToken = nextPageToken;
  }
}

test('SIGTERM under load: drained within 10 s, and no call is lost', async () => {
  let going = true;
  const address = devnet.grpc['arena'] as string;
  const clients = Array.from({ length: 4 }, () => createClient(TaskService, { address, headers: play.people.partner.headers }));
  const overRest = async (): Promise<void> => {
    const answer = await fetch(`${cluster.frontUrl}/arena/v1/tasks`);
    const body = (await answer.json()) as { code: string; detail: string; retriable?: boolean };
    if (!answer.ok) throw new SkeinError({ code: body.code, message: body.detail, retriable: body.retriable ?? false });
  };
  const calls = [...clients.map((client) => load(() => client.listTasks({}), () => going)), ...clients.map(() => load(overRest, () => going))];
  let proposed = 0;
  const proposals = load(() => play.propose(`under load ${(proposed += 1)}`), () => going);
  try {
    for (const index of [0, 1]) {
      const one = cluster.process('arena', 'api', index);
      const startedMs = performance.now();
      await one.restart();
      expect(performance.now() - startedMs).toBeLessThan(10_000);
    }
  } finally {
    going = false;
  }
  const counts = await Promise.all([...calls, proposals]);
  clients.forEach((client) => client.close());
  expect(counts.flatMap(({ lost }) => lost)).toEqual([]);
  for (const { good } of counts) expect(good).toBeGreaterThan(0);
  const titles = await eventually(async () => {
    const listed = (await allTasks()).map(({ title }) => title).filter((title) => title.includes('under load'));
    expect(listed.length).toBeGreaterThanOrEqual(counts.at(-1)?.good ?? 0);
    return listed;
  });
  expect(new Set(titles).size).toBe(titles.length);
});

test('a taken port is named with its option before anything is started', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const { port } = server.address() as { port: number };
  const folder = join(data, 'other');
  await expect(Cluster.start({ ...OPTIONS, data: folder, portBase: port - 20 })).rejects.toThrow(new RegExp(`port .*${port} \\(PostgreSQL\\).*--port-base`));
  expect(existsSync(folder)).toBe(false);
  server.close();
});

const CHILD = `
import { Cluster } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)};
const cluster = await Cluster.start({ data: process.argv[1], eventLog: 'embedded', ephemeral: true, services: ['staking-indexer'], roles: 'all' });
console.log('ready');
`;

test('nothing outlives a parent that was killed with -9', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-cluster-child-'));
  const child = spawn(process.execPath, ['--input-type=module', '-e', CHILD, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise<void>((resolve) => createInterface({ input: child.stdout }).once('line', () => resolve()));
  const tree = processTree(child.pid as number);
  expect(tree.length).toBeGreaterThan(4);
  child.kill('SIGKILL');
  await eventually(() => expect(tree.filter(({ pid }) => isAlive(pid)).map(({ name }) => name)).toEqual([]), { timeoutMs: 12_000, everyMs: 50 });
  rmSync(folder, { recursive: true, force: true });
});

test('a stop leaves no process behind', async () => {
  const tree = processTree(process.pid).map(({ pid }) => pid);
  const own = cluster.processes.map(({ pid }) => pid);
  expect(own.every((pid) => tree.includes(pid))).toBe(true);
  const startedMs = performance.now();
  await cluster.stop();
  expect(performance.now() - startedMs).toBeLessThan(10_000);
  expect(own.filter((pid) => isAlive(pid))).toEqual([]);
  expect(await fetch(cluster.frontUrl).then(() => 'answers', () => 'gone')).toBe('gone');
});
