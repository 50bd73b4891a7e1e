import { fromJson, toBinary, type DescMessage } from '@bufbuild/protobuf';
import { eventsMigrations, inboxOnce } from '@skein/events';
import { eventually, freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startConsumer } from '../src/consumer.js';
import { EmbeddedEventLog } from '../src/embedded/embedded-event-log.js';
import type { ReceivedMessage } from '../src/event-log.js';
import { otherContents } from '../src/message-contents.js';
import { eventLogMigrations, messagingMigrations } from '../src/migrations.js';
import { dataSchemaOf } from '../src/schema-fingerprint.js';
import { note, noteHandler, TIMING } from './support/notes.js';
import { releaseOf } from './support/schemas.js';

const [OLD, NEW] = [releaseOf('amount'), releaseOf('amount', 'note')];
const UNDECODABLE = new Uint8Array([10, 200, 1]);

let database: TestDatabase;
let service: TestDatabase;
let group = '';
let count = 0;
beforeAll(async () => {
  [database, service] = await Promise.all([freshDatabase(eventLogMigrations), freshDatabase(eventsMigrations, messagingMigrations)]);
});
afterAll(() => Promise.all([database.drop(), service.drop()]));
beforeEach(() => {
  count += 1;
  group = `group-${count}`;
});

/** The message as a release of the sender writes it; it tells all that it knows. */
function written(by: DescMessage, amount: string, told = true): ReceivedMessage {
  const value = toBinary(by, fromJson(by, { inner: by === NEW ? { amount, note: 'new' } : { amount } }));
  const plain = note('money', 'k', 1);
  return { ...plain, value, partition: 0, offset: 0n, headers: { ...plain.headers, ...(told ? { ce_dataschema: dataSchemaOf(by) } : {}) } };
}
/** Whether a reader of this release takes the message for another one than it has met before. */
const isOther = async (reader: DescMessage, message: ReceivedMessage): Promise<boolean> => (await otherContents(service.appPool, group, [{ message, schema: reader }])).size > 0;

describe('a message that is sent again by a release which adds a field', () => {
  it.each([
    ['a reader that knows nothing of it', OLD, OLD, true],
    ['a reader that knows nothing of it, of a sender that does not tell its schema', OLD, OLD, false],
    ['a reader that was replaced in between', OLD, NEW, true],
    ['a reader that was replaced in between, of a sender that does not tell its schema', OLD, NEW, false],
    ['a reader that was replaced before', NEW, NEW, true],
  ] as const)('is a repetition to %s', async (_, first, second, told) => {
    expect(await isOther(first, written(OLD, '5', told))).toBe(false);
    expect(await isOther(second, written(NEW, '5', told))).toBe(false);
  });
});

describe('another content under the same id', () => {
  it.each([[OLD, true], [OLD, false], [NEW, true], [NEW, false]] as const)('is found by what the release knows', async (release, told) => {
    expect(await isOther(release, written(release, '5', told))).toBe(false);
    expect(await isOther(release, written(release, '6', told))).toBe(true);
    expect(await isOther(release, written(release, '5', told))).toBe(false);
  });

  it('is found within a batch', async () => {
    const [first, again, other] = [written(NEW, '5'), written(NEW, '5'), written(NEW, '6')];
    expect([...(await otherContents(service.appPool, group, [first, again, other].map((message) => ({ message, schema: NEW }))))]).toEqual([other]);
  });

  it('is found under another key or type', async () => {
    await isOther(NEW, written(NEW, '5'));
    expect(await isOther(NEW, { ...written(NEW, '5'), key: 'other' })).toBe(true);
    expect(await isOther(NEW, { ...written(NEW, '5'), type: 'skein.test.other.v1' })).toBe(true);
  });

  it('is found by its bytes where nobody can read them', async () => {
    const bytes = (value: Uint8Array): ReceivedMessage => ({ ...written(NEW, '5'), value });
    expect(await isOther(NEW, bytes(UNDECODABLE))).toBe(false);
    expect(await isOther(NEW, bytes(UNDECODABLE))).toBe(false);
    expect(await isOther(NEW, bytes(new Uint8Array([10, 200, 2])))).toBe(true);
  });
});

it('what a program of before has noted is not compared with, nor does it compare with what this one notes', async () => {
  const noted = (content: number): Promise<{ rowCount: number | null }> =>
    service.appPool.query('SELECT message_contents_note($1, $2::text[], $3::bytea[])', [group, ['money/k#1'], [Buffer.from([content])]]);
  await noted(1);
  expect(await isOther(NEW, written(NEW, '5'))).toBe(false);
  expect((await noted(2)).rowCount).toBe(1);
  group = `${group}-new`;
  await isOther(NEW, written(NEW, '5'));
  expect((await noted(1)).rowCount).toBe(0);
});

it('money does not halt before it, and has one effect', async () => {
  const log = new EmbeddedEventLog({ url: database.appUrl });
  const topic = `money.${count}`;
  await log.createTopics([{ topic, partitions: 1, retention: 'infinite' }]);
  const effects: string[] = [];
  const handlers = [noteHandler(topic, (text, { inbox }) => inboxOnce(service.appPool, inbox, async () => void effects.push(text)))];
  const consumer = await startConsumer({ log, pool: service.appPool, group, policy: 'stop', timing: TIMING, handlers });
  const sent = note(topic, 'k', 1);
  // Field 15, a text: killed before its checkpoint, the relay starts again in the release that adds it.
  await log.send([sent, { ...sent, value: new Uint8Array([...sent.value, 122, 1, 33]) }, note(topic, 'k', 2)]);
  await eventually(() => expect(effects).toEqual(['1', '2']));
  expect(consumer.state()).toBe('running');
  await consumer.stop();
  await log.close();
});
