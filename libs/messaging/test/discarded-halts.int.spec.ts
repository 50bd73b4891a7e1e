import { eventsMigrations, inboxOnce } from '@skein/events';
import { eventually, freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { ConsumerWorker } from '../src/consumer-worker.js';
import { EmbeddedEventLog } from '../src/embedded/embedded-event-log.js';
import type { PublicMessage, ReceivedMessage } from '../src/event-log.js';
import { discardHalt, listHalts, mayResume, recordHalt } from '../src/halts.js';
import { eventLogMigrations, messagingMigrations } from '../src/migrations.js';
import { note, noteHandler, TIMING } from './support/notes.js';

let database: TestDatabase;
let service: TestDatabase;
let log: EmbeddedEventLog;
let broken = true;
let effects: string[] = [];
let topic = '';
let group = '';
let count = 0;
beforeAll(async () => {
  [database, service] = await Promise.all([freshDatabase(eventLogMigrations), freshDatabase(eventsMigrations, messagingMigrations)]);
  log = new EmbeddedEventLog({ url: database.appUrl });
});
afterAll(async () => {
  await log.close();
  await Promise.all([database.drop(), service.drop()]);
});
beforeEach(async () => {
  count += 1;
  [topic, group, broken, effects] = [`money.${count}`, `group-${count}`, true, []];
  await log.createTopics([{ topic, partitions: 1, retention: 'infinite' }]);
});

const message = (n: number): PublicMessage => note(topic, 'k', n);
const received = (n: number, offset: bigint): ReceivedMessage => ({ ...message(n), partition: 0, offset });

/** A money consumer that books each message once; the first one fails until it is mended, and an operator discards it. */
async function discarded(): Promise<ConsumerWorker> {
  const worker = new ConsumerWorker({
    log, pool: service.appPool, group, policy: 'stop', timing: TIMING,
    handlers: [noteHandler(topic, async (text, { inbox }) => {
      if (broken && text === '1') throw new Error('odd ledger');
      await inboxOnce(service.appPool, inbox, async () => void effects.push(text));
    })],
  });
  await worker.start();
  await log.send([message(1), message(2)]);
  const [halt] = await eventually(async () => {
    const halts = await listHalts(service.appPool, group);
    expect(halts).toHaveLength(1);
    return halts;
  });
  expect(await discardHalt(service.appPool, halt!.id, 'operator', 'booked by hand')).toBe(true);
  await eventually(() => expect(effects).toEqual(['2']));
  return worker;
}

it.each([['mended', false], ['not mended', true]])('a discarded message is passed over when its offset is delivered again, %s', async (_, stillBroken) => {
  const worker = await discarded();
  broken = stillBroken;
  await worker.consumer!.seek(topic, 0, 0n);
  await log.send([message(3)]);
  await eventually(() => expect(effects).toEqual(['2', '3']));
  expect([await listHalts(service.appPool, group), worker.ready()]).toEqual([[], true]);
  await worker.stop();
});

it('a discarded message that its sender repeats has no effect either', async () => {
  const worker = await discarded();
  broken = false;
  await log.send([message(1), message(3)]);
  await eventually(() => expect(effects).toEqual(['2', '3']));
  await worker.stop();
});

it('another message at the offset of a discarded one is handled: a log that was made anew counts from 0 again', async () => {
  await recordHalt(service.appPool, group, received(9, 0n), 'of another log');
  const [halt] = await listHalts(service.appPool, group);
  await discardHalt(service.appPool, halt!.id, 'operator', 'gone');
  broken = false;
  const worker = new ConsumerWorker({ log, pool: service.appPool, group, policy: 'stop', timing: TIMING, handlers: [noteHandler(topic, async (text) => void effects.push(text))] });
  await worker.start();
  await log.send([message(1)]);
  await eventually(() => expect(effects).toEqual(['1']));
  await worker.stop();
});

it('a try under way that fails after the discard does not take the discard\'s resume back', async () => {
  await recordHalt(service.appPool, group, received(1, 0n), 'odd');
  const [halt] = await listHalts(service.appPool, group);
  expect(await mayResume(service.appPool, group)).toBe(false);
  expect(await discardHalt(service.appPool, halt!.id, 'operator', 'no')).toBe(true);
  await recordHalt(service.appPool, group, received(1, 0n), 'odd again');
  expect(await mayResume(service.appPool, group)).toBe(true);
});

it('what has had its effect since it halted cannot be discarded; what its id had before can', async () => {
  const inbox = { consumer: group, messageId: `${topic}/k#1` };
  await recordHalt(service.appPool, group, received(1, 0n), 'odd');
  await inboxOnce(service.appPool, inbox, async () => undefined);
  const [halt] = await listHalts(service.appPool, group);
  expect(await discardHalt(service.appPool, halt!.id, 'operator', 'too late')).toBe(false);
  expect(await listHalts(service.appPool, group)).toMatchObject([{ resuming: false }]);
  // The same id once more, with other content: the halt is younger than the first one's effect.
  await recordHalt(service.appPool, group, received(1, 0n), 'met before with other content');
  expect(await discardHalt(service.appPool, halt!.id, 'operator', 'the first stands')).toBe(true);
});
