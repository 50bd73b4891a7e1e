import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startKafka, type EmbeddedKafka } from '@skein/embedded';
import { eventually } from '@skein/testing';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import { clearKafka, PlatformaticEventLog } from '../src/kafka/index.js';
import { TestChild } from './support/child.js';
import { Collector, series } from './support/messages.js';

/** Nobody is missed before the test ends. */
const SESSION_MS = 120_000;
const TOPIC = { topic: 'cleared', partitions: 3, retention: 'infinite' } as const;

let dataDir: string;
let broker: EmbeddedKafka;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'skein cleared kafka '));
  broker = await startKafka({ dataDir });
}, 90_000);
afterEach(async () => {
  await broker.stop();
  await rm(dataDir, { recursive: true, force: true });
});

function open(): PlatformaticEventLog {
  const log = new PlatformaticEventLog({ brokers: [broker.brokers], sessionTimeoutMs: 6_000 });
  onTestFinished(() => log.close());
  return log;
}

it('a broker is as new although a member was killed that nobody has missed yet; another one on the same names begins at the beginning', async () => {
  const before = open();
  await before.createTopics([TOPIC]);
  const child = new TestChild(new URL('./support/member-process.ts', import.meta.url), [`kafka://${broker.brokers}`, String(SESSION_MS), 'g', TOPIC.topic, '5']);
  await before.send(series(TOPIC.topic, 10));
  await eventually(() => expect(child.lines.filter(({ id }) => id !== undefined).length).toBeGreaterThan(0), { timeoutMs: 30_000 });
  await child.kill();

  await clearKafka([broker.brokers]);
  const after = open();
  expect([await after.topics(), await after.members('g'), await after.lag('g')]).toEqual([[], [], []]);

  await after.createTopics([TOPIC]);
  await after.send(series(TOPIC.topic, 4));
  const collector = new Collector();
  await after.consume({ group: 'g', topics: [TOPIC.topic], onBatch: collector.onBatch });
  await eventually(() => expect(collector.ids.toSorted()).toEqual(['k0#0', 'k1#1', 'k2#2', 'k3#3']), { timeoutMs: 20_000 });
}, 120_000);

it('a broker that has nothing may be cleared as well', async () => {
  await clearKafka([broker.brokers]);
  expect(await open().topics()).toEqual([]);
});
