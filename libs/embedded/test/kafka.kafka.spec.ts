import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, spawnTs } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { kafkaAvailable, kafkaJars } from '../src/kafka-jars.js';
import { startKafka } from '../src/kafka.js';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'skein kafka '));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve((socket.destroy(), true)));
    socket.once('error', () => resolve(false));
  });

test('below a folder with spaces it starts, and comes back on the same port after stop, kill and while it runs', async () => {
  const broker = await startKafka({ dataDir: join(root, 'a data folder') });
  const { brokers, port, pid } = broker;
  expect(brokers).toBe(`127.0.0.1:${port}`);
  await broker.stop();
  expect(await listens(port)).toBe(false);
  await broker.restart();
  await broker.kill();
  await broker.restart();
  expect([broker.brokers, await listens(port)]).toEqual([brokers, true]);
  expect(broker.pid).not.toBe(pid);
  broker.pause();
  await broker.stop();
  await broker.exited;
});

test('a broker that takes too long to stop is ended at once, and comes back', { timeout: 60_000 }, async () => {
  const broker = await startKafka({ dataDir: join(root, 'slow') });
  const frozen = broker.pid;
  const stopped = broker.stop();
  // It has been asked to stop, and does nothing any more.
  process.kill(frozen, 'SIGSTOP');
  expect(await Promise.race([stopped.then(() => 'stopped'), new Promise((resolve) => AbortSignal.timeout(10_000).addEventListener('abort', () => resolve('still there')))])).toBe('stopped');
  await broker.restart();
  expect(await listens(broker.port)).toBe(true);
  await broker.stop();
});

test('ends when the process that started it is killed with -9', async () => {
  const parent = spawnTs(new URL('./kafka-child.ts', import.meta.url), [join(root, 'orphan')]);
  const [, pid, port] = (await parent.line((line) => line.startsWith('ready'))).split(' ').map(Number);
  parent.process.kill('SIGKILL');
  await parent.ended;
  await eventually(() => expect(() => process.kill(pid!, 0)).toThrow('ESRCH'));
  expect(await listens(port!)).toBe(false);
});

test('a taken port is named', async () => {
  const broker = await startKafka({ dataDir: join(root, 'ports') });
  await expect(startKafka({ dataDir: join(root, 'other'), port: broker.port })).rejects.toThrow(`port ${broker.port} for Kafka`);
  await broker.stop();
});

test('says what is missing: Java, or Maven for an empty cache', async () => {
  const path = process.env['PATH'];
  process.env['PATH'] = join(root, 'nothing');
  try {
    expect(await kafkaAvailable()).toEqual({ ok: false, why: expect.stringContaining('there is no java on the PATH') });
    await expect(kafkaJars(join(root, 'empty cache'))).rejects.toThrow('needs Java 17 or later');
  } finally {
    process.env['PATH'] = path;
  }
});
