import { eventsMigrations, EventStore, Housekeeper, inboxOnce } from '@skein/events';
import { eventually, freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startConsumer } from '../src/consumer.js';
import { listDeadLetters } from '../src/dead-letters.js';
import { EmbeddedEventLog } from '../src/embedded/embedded-event-log.js';
import { MESSAGE_CONTENTS } from '../src/message-contents.js';
import { eventLogMigrations, messagingMigrations } from '../src/migrations.js';
import { note, noteHandler, TIMING } from './support/notes.js';

const TOPIC = 'notes';
let database: TestDatabase;
let service: TestDatabase;
let log: EmbeddedEventLog;
let store: EventStore;
beforeAll(async () => {
  [database, service] = await Promise.all([freshDatabase(eventLogMigrations), freshDatabase(eventsMigrations, messagingMigrations)]);
  log = new EmbeddedEventLog({ url: database.appUrl });
  store = new EventStore({ pool: service.appPool });
  await log.createTopics([{ topic: TOPIC, partitions: 1, retention: 'infinite' }]);
});
afterAll(async () => {
  await log.close();
  await store.close();
  await Promise.all([database.drop(), service.drop()]);
});

const age = (id: string, days: number): Promise<unknown> =>
  service.ownerPool.query(`UPDATE message_contents SET met_at = met_at - $2 * interval '1 day' WHERE message_id = $1`, [`${TOPIC}/${id}`, days]);
const known = async (): Promise<string[]> => (await service.appPool.query<{ id: string }>('SELECT message_id AS id FROM message_contents ORDER BY 1')).rows.map(({ id }) => id);

it('contents are forgotten after their days; a second message under an old id then has no effect, and is found again from the beginning', async () => {
  const effects: string[] = [];
  const handlers = [noteHandler(TOPIC, (text, { inbox }) => inboxOnce(service.appPool, inbox, async () => void effects.push(text)))];
  const consumer = await startConsumer({ log, pool: service.appPool, group: 'g', policy: 'park', timing: TIMING, handlers });
  await log.send([note(TOPIC, 'k', 1, 'old'), note(TOPIC, 'k', 2, 'young')]);
  await eventually(() => expect(effects).toEqual(['old', 'young']));
  await age('k#1', MESSAGE_CONTENTS.days + 1);
  await age('k#2', MESSAGE_CONTENTS.days - 1);
  const housekeeper = new Housekeeper({ store, expiring: [MESSAGE_CONTENTS] });
  expect(await housekeeper.runOnce()).toMatchObject({ expired: { 'message-content': 1 } });
  expect(await known()).toEqual([`${TOPIC}/k#2`]);
  expect(await housekeeper.runOnce()).toMatchObject({ expired: { 'message-content': 0 } });

  await log.send([note(TOPIC, 'k', 1, 'other'), note(TOPIC, 'k', 3, 'last')]);
  await eventually(() => expect(effects).toEqual(['old', 'young', 'last']));
  expect(await listDeadLetters(service.appPool, { group: 'g' })).toEqual([]);

  await age('k#1', MESSAGE_CONTENTS.days + 1);
  await housekeeper.runOnce();
  await consumer.seek(TOPIC, 0, 0n);
  await eventually(async () => expect((await listDeadLetters(service.appPool, { group: 'g' })).map(({ message }) => message.id)).toEqual(['k#1', 'k#3']));
  expect(effects).toEqual(['old', 'young', 'last']);
  await consumer.stop();
});
