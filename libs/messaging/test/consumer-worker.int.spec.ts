import { eventsMigrations } from '@skein/events';
import { freshDatabase, eventually, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startConsumer } from '../src/consumer.js';
import { ConsumerWorker } from '../src/consumer-worker.js';
import type { ConsumerOptions } from '../src/consumer.types.js';
import { EmbeddedEventLog } from '../src/embedded/embedded-event-log.js';
import type { EventLog } from '../src/event-log.js';
import { eventLogMigrations, messagingMigrations } from '../src/migrations.js';
import { note, noteHandler, TIMING } from './support/notes.js';

let database: TestDatabase;
let service: TestDatabase;
let log: EmbeddedEventLog;
beforeAll(async () => {
  [database, service] = await Promise.all([freshDatabase(eventLogMigrations), freshDatabase(eventsMigrations, messagingMigrations)]);
  log = new EmbeddedEventLog({ url: database.appUrl });
  await log.createTopics([{ topic: 'notes', partitions: 1, retention: 'infinite' }]);
});
afterAll(async () => {
  await log.close();
  await Promise.all([database.drop(), service.drop()]);
});

const options = (more: Partial<ConsumerOptions>): ConsumerOptions => ({
  log, pool: service.appPool, group: 'g', policy: 'park', timing: TIMING, handlers: [noteHandler('notes', async () => undefined)], ...more,
});

/** The log, but its first `times` consumers find nobody. */
function awayFor(times: number): EventLog {
  let left = times;
  return {
    send: (messages) => log.send(messages),
    lag: (group) => log.lag(group),
    createTopics: (specs) => log.createTopics(specs),
    close: () => log.close(),
    consume: (request) => (left-- > 0 ? Promise.reject(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })) : log.consume(request)),
  };
}

it('waits for a log that is away at the start, then consumes', async () => {
  const seen: string[] = [];
  const worker = new ConsumerWorker(options({ log: awayFor(2), handlers: [noteHandler('notes', async (text) => void seen.push(text))] }));
  await worker.start();
  expect([worker.ready(), worker.failure()]).toEqual([false, undefined]);
  await log.send([note('notes', 'k', 1, 'hello')]);
  await eventually(() => expect(seen).toEqual(['hello']));
  await eventually(() => expect(worker.ready()).toBe(true));
  await worker.stop();
  expect([worker.ready(), worker.failure()]).toEqual([false, undefined]);
});

it('can be stopped while it still waits', async () => {
  const worker = new ConsumerWorker(options({ log: awayFor(Infinity) }));
  await worker.start();
  await worker.stop();
  expect(worker.ready()).toBe(false);
});

it('throws at the start what no waiting can mend', async () => {
  await expect(new ConsumerWorker(options({ handlers: [noteHandler('no.such.topic', async () => undefined)] })).start()).rejects.toMatchObject({ rejection: { rule: 'unknown-topic' } });
});

it('lives on when its consumer has halted: it is not ready, and says so', async () => {
  const worker = new ConsumerWorker(options({ group: 'money', policy: 'stop', handlers: [noteHandler('notes', async () => { throw new Error('odd ledger'); })] }));
  await worker.start();
  await log.send([note('notes', 'k', 2)]);
  await eventually(() => expect(worker.consumer?.reason()).toMatch(/odd ledger$/));
  expect([worker.ready(), worker.waitsFor(), worker.failure()]).toEqual([false, 'halted', undefined]);
  await worker.stop();
});

it('lets go of a batch that came before joining failed', async () => {
  const received = { ...note('notes', 'k', 9), partition: 0, offset: 0n };
  const unavailable = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
  const failing: EventLog = {
    ...awayFor(0),
    consume: async ({ onBatch }) => {
      const end = new AbortController();
      const batch = onBatch({ topic: 'notes', partition: 0, messages: [received], signal: end.signal, resolve: () => undefined });
      end.abort();
      await batch;
      throw unavailable;
    },
  };
  await expect(startConsumer(options({ log: failing, handlers: [noteHandler('notes', () => Promise.reject(unavailable))] }))).rejects.toBe(unavailable);
});

it('says that it has crashed once the log\'s consumer has died under it, whatever process supervision makes of that', async () => {
  let died = false;
  const dying: EventLog = {
    ...awayFor(0),
    consume: async (request) => {
      const member = await log.consume(request);
      return {
        alive: () => !died && member.alive(), assignment: () => member.assignment(), pause: (...at) => member.pause(...at), resume: (...at) => member.resume(...at),
        seek: (...at) => member.seek(...at), stop: () => member.stop(),
      };
    },
  };
  const worker = new ConsumerWorker(options({ log: dying }));
  await worker.start();
  await eventually(() => expect([worker.ready(), worker.failure()]).toEqual([true, undefined]));
  died = true;
  expect([worker.ready(), worker.failure()?.message]).toEqual([false, 'consumer-g crashed']);
  await worker.stop();
});
