import { eventsMigrations } from '@skein/events';
import { eventually, freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startConsumer } from '../src/consumer.js';
import type { ConsumerOptions, RunningConsumer } from '../src/consumer.types.js';
import { listDeadLetters } from '../src/dead-letters.js';
import { EmbeddedEventLog } from '../src/embedded/embedded-event-log.js';
import type { PublicMessage } from '../src/event-log.js';
import { listHalts } from '../src/halts.js';
import { eventLogMigrations, messagingMigrations } from '../src/migrations.js';
import { note, noteHandler, TIMING } from './support/notes.js';

// Whatever PostgreSQL may refuse of a stranger's message, known today or not: it is that message's fault, and never an outage to wait for.

const HEADERS = ['dead_letters', 'consumer_halts'].map((table) => `ALTER TABLE ${table} ADD CONSTRAINT cursed CHECK (headers::text NOT LIKE '%cursed%')`);
const CONTENTS = `ALTER TABLE message_contents ADD CONSTRAINT cursed CHECK (message_id NOT LIKE '%k#1')`;

let database: TestDatabase;
let service: TestDatabase;
let log: EmbeddedEventLog;
let consumer: RunningConsumer;
beforeAll(async () => {
  [database, service] = await Promise.all([freshDatabase(eventLogMigrations), freshDatabase(eventsMigrations, messagingMigrations)]);
  log = new EmbeddedEventLog({ url: database.appUrl });
  for (const constraint of [...HEADERS, CONTENTS]) await service.ownerPool.query(constraint);
});
afterAll(async () => {
  await consumer.stop();
  await log.close();
  await Promise.all([database.drop(), service.drop()]);
});

const cursed = (message: PublicMessage): PublicMessage => ({ ...message, headers: { ...message.headers, ce_specversion: '0.3', 'x-why': 'cursed' } });

/** A group that has met these messages, and then a good one under another key. */
async function met(group: string, policy: ConsumerOptions['policy'], ...messages: PublicMessage[]): Promise<string[]> {
  const [topic, effects] = [`notes.${group}`, [] as string[]];
  await log.createTopics([{ topic, partitions: 1, retention: 'infinite' }]);
  await consumer?.stop();
  consumer = await startConsumer({ log, pool: service.appPool, group, policy, timing: TIMING, handlers: [noteHandler(topic, async (text) => void effects.push(text))] });
  await log.send([...messages, note(topic, 'other', 9)]);
  return effects;
}

it('headers that no letter can hold are left out of it; other keys go on', async () => {
  const effects = await met('one', 'park', cursed(note('notes.one', 'k', 2)));
  await eventually(() => expect(effects).toEqual(['9']));
  const reason = expect.stringMatching(/^RejectionError: header ce_specversion is "0\.3".* \(kept without headers and time: error: .*cursed/);
  expect(await listDeadLetters(service.appPool, { group: 'one' })).toMatchObject([{ reason, first: true, message: { id: 'k#2', key: 'k', headers: {}, timeMs: 0 } }]);
});

it('a content that cannot be noted is parked with the reason; the others of its batch go on', async () => {
  const effects = await met('two', 'park', note('notes.two', 'k', 1));
  await eventually(() => expect(effects).toEqual(['9']));
  expect(await listDeadLetters(service.appPool, { group: 'two' })).toMatchObject([{ reason: expect.stringMatching(/^RejectionError: the content of notes\.two\/0@0 cannot be noted: error: .*cursed/), message: { id: 'k#1' } }]);
});

it('money halts before it', async () => {
  const effects = await met('three', 'stop', cursed(note('notes.three', 'k', 2)));
  await eventually(() => expect(consumer.state()).toBe('halted'));
  expect([effects, await listHalts(service.appPool, 'three')]).toMatchObject([[], [{ reason: expect.stringContaining('kept without headers'), message: { id: 'k#2' } }]]);
});
