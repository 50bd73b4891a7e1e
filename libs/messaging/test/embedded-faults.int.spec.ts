import { eventually, freshDatabase, type TestDatabase } from '@skein/testing';
import { startFaultProxy } from '@skein/testing/fault-proxy';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EmbeddedEventLog } from '../src/embedded/embedded-event-log.js';
import { eventLogMigrations } from '../src/migrations.js';
import { sharedEventLog } from '../src/shared.js';
import { TestChild } from './support/child.js';
import { Collector, fresh, gate, messageOf, numbersOf, series } from './support/messages.js';

/** Far longer than any test: what happens in time does not happen by a lease or a poll running out. */
const NEVER_MS = 600_000;

let database: TestDatabase;
const opened: EmbeddedEventLog[] = [];
const open = (): EmbeddedEventLog => {
  const log = new EmbeddedEventLog({ url: database.appUrl, leaseMs: NEVER_MS, pollMs: NEVER_MS });
  opened.push(log);
  return log;
};
const through = (url: string, port: number): string => {
  const via = new URL(url);
  via.port = String(port);
  return via.href;
};
const topicOf = async (log: EmbeddedEventLog, partitions: number): Promise<string> => {
  const topic = fresh('topic');
  await log.createTopics([{ topic, partitions, retention: 'infinite' }]);
  return topic;
};

/** Ends every connection of the role that the log uses; only that role itself may. */
async function cutConnections(): Promise<void> {
  const { rowCount } = await database.appPool.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid()');
  expect(rowCount).toBeGreaterThan(0);
}

beforeAll(async () => {
  database = await freshDatabase(eventLogMigrations);
});
afterAll(async () => {
  await Promise.all(opened.map((log) => log.close()));
  await database.drop();
});

it('takes over at once from a process that was killed', async () => {
  const log = open();
  const topic = await topicOf(log, 1);
  const group = fresh('g');
  await log.send(series(topic, 10));
  const child = new TestChild(new URL('./support/member-process.ts', import.meta.url), [database.appUrl, String(NEVER_MS), group, topic, '7']);
  await eventually(() => expect(child.lines.filter((line) => 'id' in line)).toHaveLength(7), { timeoutMs: 20_000 });
  await child.kill();
  const collector = new Collector();
  await eventually(async () => {
    const { rows } = await database.ownerPool.query('SELECT 1 FROM log_members m WHERE group_name = $1 AND log_session_alive(m.session_pid, m.session_started)', [group]);
    expect(rows).toEqual([]);
  });
  await log.consume({ group, topics: [topic], onBatch: collector.onBatch });
  await eventually(() => expect(collector.ids).toEqual(['k0#5', 'k1#6', 'k2#7', 'k3#8', 'k4#9']));
});

it('is woken by other processes, long before its slow poll', async () => {
  const [reader, writer] = [open(), open()];
  const topic = await topicOf(writer, 2);
  const collector = new Collector();
  await reader.consume({ group: fresh('g'), topics: [topic], onBatch: collector.onBatch });
  await writer.send(series(topic, 10));
  await eventually(() => expect(collector.ids).toHaveLength(10));
});

it('shares partitions with a member that joins in another process, without waiting for a heartbeat', async () => {
  const [first, second] = [open(), open()];
  const topic = await topicOf(first, 6);
  const group = fresh('g');
  const collector = new Collector();
  const members = [await first.consume({ group, topics: [topic], onBatch: collector.onBatch }), await second.consume({ group, topics: [topic], onBatch: collector.onBatch })];
  await eventually(() => expect(members.map((member) => member.assignment().length)).toEqual([3, 3]));
  await members[1]!.stop();
  await eventually(() => expect(members[0]!.assignment()).toHaveLength(6));
});

it('loses nothing when the database cuts every connection, again and again', async () => {
  const log = open();
  const topic = await topicOf(log, 3);
  const collector = new Collector();
  const consumer = await log.consume({ group: fresh('g'), topics: [topic], onBatch: collector.onBatch });
  for (let round = 0; round < 5; round++) {
    await log.send(series(topic, 20, 4, round * 20));
    await cutConnections();
    await eventually(() => log.lag('any'));
  }
  await eventually(() => expect(new Set(collector.ids).size).toBe(100), { timeoutMs: 20_000 });
  for (let key = 0; key < 4; key++) {
    const firstTimes = [...new Set(numbersOf(collector.received, `k${key}`))];
    expect(firstTimes).toEqual(Array.from({ length: 25 }, (_, at) => key + 4 * at));
  }
  expect(consumer.alive()).toBe(true);
});

it('comes back after its connections have lost their far ends without a word, the listening one too', async () => {
  const proxy = await startFaultProxy({ target: new URL(database.appUrl).host });
  const log = new EmbeddedEventLog({ url: through(database.appUrl, proxy.port), leaseMs: 3_000, pollMs: 200, queryTimeoutMs: 1_000 });
  try {
    const topic = await topicOf(log, 3);
    const collector = new Collector();
    const group = fresh('g');
    const consumer = await log.consume({ group, topics: [topic], onBatch: collector.onBatch });
    await eventually(() => expect(consumer.assignment()).toHaveLength(3));
    proxy.halfOpen();
    proxy.heal();
    await open().send(series(topic, 12));
    await eventually(() => expect(new Set(collector.ids).size).toBe(12), { timeoutMs: 20_000 });
    await eventually(async () => expect((await log.members(group)).map(({ assignment }) => assignment.length)).toEqual([3]), { timeoutMs: 20_000 });
  } finally {
    await log.close();
    await proxy.stop();
  }
});

it('commits again what a killed server has lost of its offsets, without waiting for another message', async () => {
  const log = open();
  const topic = await topicOf(log, 1);
  const group = fresh('g');
  const collector = new Collector();
  const settled = async (): Promise<void> => expect((await log.lag(group))[0]).toMatchObject({ committed: 6n, lag: 0n });
  await log.consume({ group, topics: [topic], onBatch: collector.onBatch });
  await log.send(series(topic, 6));
  await eventually(settled);
  // Offsets do not wait for the disk. The test plays the server: it takes them back and cuts every connection.
  await database.ownerPool.query('UPDATE log_leases SET committed = 2 WHERE group_name = $1', [group]);
  await cutConnections();
  await eventually(settled);
  expect(new Set(collector.ids).size).toBe(6);
});

it('does not wait for a dead member that somebody else is just burying or beating for, and buries it later', async () => {
  const [log, topicName] = [open(), fresh('topic')];
  await log.createTopics([{ topic: topicName, partitions: 1, retention: 'infinite' }]);
  const dead = fresh('dead');
  const buried = async (): Promise<boolean> => (await database.ownerPool.query('SELECT FROM log_members WHERE member = $1', [dead])).rowCount === 0;
  await database.ownerPool.query("INSERT INTO log_members (member, group_name, topics, expires_at) VALUES ($1, 'g', '{}', '-infinity')", [dead]);
  const other = await database.ownerPool.connect();
  try {
    await other.query('BEGIN');
    await other.query('SELECT FROM log_members WHERE member = $1 FOR UPDATE', [dead]);
    await log.consume({ group: fresh('g'), topics: [topicName], onBatch: async () => undefined });
    expect(await buried()).toBe(false);
    await other.query('ROLLBACK');
  } finally {
    other.release();
  }
  await log.consume({ group: fresh('g'), topics: [topicName], onBatch: async () => undefined });
  expect(await buried()).toBe(true);
});

it('gives a partition that comes back to no second batch before the first has ended', async () => {
  const log = open();
  const topic = await topicOf(log, 1);
  const group = fresh('g');
  const [entered, hold] = [gate(), gate()];
  const seen: string[] = [];
  let first: AbortSignal | undefined;
  await log.send(series(topic, 2, 1));
  await log.consume({ group, topics: [topic], onBatch: async (batch) => {
    seen.push(`in ${batch.messages[0]!.id}`);
    if (first === undefined) {
      first = batch.signal;
      entered.open();
      await hold.opened;
    }
    seen.push('out');
    batch.messages.forEach((message) => batch.resolve(message));
  } });
  await entered.opened;
  await database.ownerPool.query('UPDATE log_leases SET member = NULL, epoch = epoch + 1 WHERE group_name = $1', [group]);
  // Each resolves after a look at the leases that began later.
  for (let look = 0; look < 2; look++) await log.consume({ group: fresh('other'), topics: [topic], onBatch: async () => undefined });
  expect(first!.aborted).toBe(true);
  expect((await database.ownerPool.query('SELECT member FROM log_leases WHERE group_name = $1', [group])).rows).toEqual([{ member: null }]);
  hold.open();
  await eventually(() => expect(seen).toEqual(['in k0#0', 'out', 'in k0#0', 'out']));
});

it('lets the app role add messages but never change or remove them', async () => {
  const log = open();
  const topic = await topicOf(log, 1);
  await log.send([messageOf(topic, 'k', 1)]);
  for (const sql of ['UPDATE log_messages SET value = $1', 'DELETE FROM log_messages WHERE value <> $1']) await expect(database.appPool.query(sql, [Buffer.of(1)])).rejects.toThrow('permission denied');
});

it('serves all services of a process by one instance, until the last handle is closed', async () => {
  const [arena, billing] = [sharedEventLog({ url: database.appUrl }), sharedEventLog({ url: database.appUrl })];
  const topic = fresh('topic');
  await arena.createTopics([{ topic, partitions: 2, retention: 'infinite' }]);
  const [first, second] = [new Collector(), new Collector()];
  const gone = await arena.consume({ group: fresh('arena'), topics: [topic], onBatch: first.onBatch });
  const stays = await billing.consume({ group: fresh('billing'), topics: [topic], onBatch: second.onBatch });
  await arena.close();
  expect([gone.alive(), stays.alive()]).toEqual([false, true]);
  await billing.send(series(topic, 4));
  await eventually(() => expect(second.ids).toHaveLength(4));
  expect(first.ids).toEqual([]);
  await billing.close();
  await expect(billing.lag('any')).rejects.toThrow();
});

it('closes while it is still connecting', async () => {
  const log = new EmbeddedEventLog({ url: database.appUrl });
  const consuming = log.consume({ group: fresh('g'), topics: [await topicOf(open(), 1)], onBatch: async () => undefined }).catch((error: unknown) => error);
  await log.close();
  await consuming;
});
