import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { EventStore, eventsMigrations, inboxOnce } from '@skein/events';
import { eventually, freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { startConsumer } from '../src/consumer.js';
import { onMessage, type RunningConsumer } from '../src/consumer.types.js';
import { EmbeddedEventLog } from '../src/embedded/embedded-event-log.js';
import type { ReceivedMessage } from '../src/event-log.js';
import { eventLogMigrations, messagingMigrations } from '../src/migrations.js';
import { Relay } from '../src/relay.js';
import { TestChild } from './support/child.js';
import { NOTED, notePublication, takeNotes, TOPIC, TRACEPARENT } from './support/source.js';

let source: TestDatabase;
let logDatabase: TestDatabase;
let target: TestDatabase;
let store: EventStore;
let log: EmbeddedEventLog;

beforeAll(async () => {
  [source, logDatabase, target] = [await freshDatabase(eventsMigrations), await freshDatabase(eventLogMigrations), await freshDatabase(eventsMigrations, messagingMigrations)];
  store = new EventStore({ pool: source.appPool });
  log = new EmbeddedEventLog({ url: logDatabase.appUrl });
  await log.createTopics([{ topic: TOPIC, partitions: 3, retention: 'infinite' }]);
  await target.ownerPool.query(`CREATE TABLE effects (n serial, stream text, text text); GRANT SELECT, INSERT ON effects TO PUBLIC; GRANT USAGE ON SEQUENCE effects_n_seq TO PUBLIC`);
});
afterAll(async () => {
  await log.close();
  await store.close();
  await Promise.all([source.drop(), logDatabase.drop(), target.drop()]);
});

const received: ReceivedMessage[] = [];
beforeEach(() => void received.splice(0));

function startTarget(): Promise<RunningConsumer> {
  return startConsumer({
    log, pool: target.appPool, group: 'target', policy: 'stop',
    handlers: [onMessage({
      topic: TOPIC, type: NOTED, schema: StringValueSchema,
      handle: async (message, delivery) => {
        received.push(delivery.message);
        await inboxOnce(target.appPool, delivery.inbox, async (tx) => {
          await tx.query('INSERT INTO effects (stream, text) VALUES ($1, $2)', [delivery.streamId, message.value]);
        });
      },
    })],
  });
}

it('relays each stream in order and has each effect once, however often the relay is killed between send and advance', async () => {
  await takeNotes(store, 60, 5);
  await store.headPosition();
  const consumer = await startTarget();
  for (const killAt of [1, 2, 3]) await new TestChild(new URL('./support/relay-process.ts', import.meta.url), [source.appUrl, logDatabase.appUrl, String(killAt)]).ended();
  const relay = new Relay({ store, log, publications: [notePublication], batchSize: 7, leaseMs: 600, pollMs: 100 });
  await relay.start();
  await takeNotes(store, 10, 5);
  await eventually(async () => expect((await relay.lag()).get('notes')).toBe(0n), { timeoutMs: 20_000 });
  await eventually(async () => expect((await log.lag('target')).every(({ lag }) => lag === 0n)).toBe(true), { timeoutMs: 20_000 });
  await relay.stop();
  await consumer.stop();

  // 70 events were published, and those of the three interrupted batches once more.
  expect(received.length).toBeGreaterThan(70);
  const { rows } = await target.appPool.query<{ stream: string; text: string }>('SELECT stream, text FROM effects ORDER BY n');
  expect(rows).toHaveLength(70);
  for (let stream = 0; stream < 5; stream++) {
    const recorded = (await store.readStream(`note-${stream}`)).filter(({ type }) => type === NOTED);
    expect(rows.filter((row) => row.stream === `note-${stream}`).map(({ text }) => text)).toEqual(recorded.map(({ data }) => data));
  }
});

it('carries CloudEvents headers, the stored trace context, and nothing of private events', async () => {
  const [event] = await store.readStream('note-0');
  const lines: ReceivedMessage[] = [];
  const reader = await log.consume({ group: 'reader', topics: [TOPIC], onBatch: async (batch) => batch.messages.forEach((message) => {
    lines.push(message);
    batch.resolve(message);
  }) });
  const message = await eventually(() => {
    const found = lines.find(({ id }) => id === event!.eventId);
    expect(found).toBeDefined();
    return found!;
  });
  await reader.stop();
  expect(message).toMatchObject({ topic: TOPIC, key: 'note-0', type: NOTED, timeMs: event!.recordedAtMs });
  const [positioned] = (await store.readAll(0n, 1000)).filter(({ eventId }) => eventId === event!.eventId);
  expect(message.headers).toEqual({
    ce_specversion: '1.0', ce_id: event!.eventId, ce_type: NOTED, ce_source: '/skein/test/note/v1', ce_subject: 'note-0',
    ce_time: new Date(event!.recordedAtMs).toISOString(), 'content-type': 'application/protobuf', ce_streamversion: '1', ce_position: String(positioned!.position),
    ce_dataschema: expect.stringMatching(/^urn:skein:schema:google\.protobuf\.StringValue:[0-9a-f]{16}$/),
    ce_correlationid: event!.metadata.correlationId, ce_causationid: event!.metadata.causationId, traceparent: TRACEPARENT,
  });
  expect(lines.some(({ value }) => Buffer.from(value).includes('CANARY'))).toBe(false);
});
