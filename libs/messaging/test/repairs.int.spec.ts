import { eventsMigrations } from '@skein/events';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { park, readDeadLetter, listDeadLetters } from '../src/dead-letters.js';
import type { EventLog, ReceivedMessage } from '../src/event-log.js';
import { keepMessage, wholeMessage } from '../src/kept.js';
import { messagingMigrations } from '../src/migrations.js';
import { redriveDeadLetters } from '../src/redrive.js';
import { repairMessage, repairsOf, type Repair } from '../src/repairs.js';
import { note, noteHandler } from './support/notes.js';

let database: TestDatabase;
let group = '';
let count = 0;
beforeAll(async () => void (database = await freshDatabase(eventsMigrations, messagingMigrations)));
afterAll(() => database.drop());
beforeEach(() => void (group = `group-${(count += 1)}`));

const noLog = {} as EventLog;
const received = (more: Partial<ReceivedMessage> = {}): ReceivedMessage => ({ ...note('notes', 'k', 1), partition: 0, offset: 5n, ...more });
const withHeaders = (headers: Record<string, string>): ReceivedMessage => ({ ...received(), headers: { ...received().headers, ...headers } });
const handlers = [noteHandler('notes', async () => undefined)];
const repair = (message: ReceivedMessage, { headers = {}, oversize = false }: Partial<Repair>): Promise<void> =>
  repairMessage({ pool: database.appPool, log: noLog, group, handlers, letter: { message, whole: true }, repair: { headers, oversize }, by: 'operator', reason: 'why' });

it.each<[string, ReceivedMessage, Partial<Repair>, string]>([
  ['a message that this build reads', received(), { headers: { ce_source: '/elsewhere' } }, 'message-not-refused'],
  ['a header that nobody looks at', withHeaders({ ce_specversion: '0.3' }), { headers: { ce_specversion: '1.0', ce_correlationid: 'c' } }, 'header-not-judged'],
  ['nothing', withHeaders({ ce_specversion: '0.3' }), {}, 'nothing-repaired'],
  ['another id than it has', withHeaders({ ce_specversion: '0.3' }), { headers: { ce_specversion: '1.0', ce_id: 'k#2' } }, 'message-id-stands'],
  ['half of what is wrong', withHeaders({ ce_specversion: '0.3', ce_streamversion: 'x' }), { headers: { ce_specversion: '1.0' } }, 'cloudevents-header'],
  ['the size of what has a wrong header', withHeaders({ ce_specversion: '0.3' }), { oversize: true }, 'cloudevents-header'],
])('refused is a repair of %s', async (_, message, mend, rule) => {
  await expect(repair(message, mend)).rejects.toMatchObject({ rejection: { rule } });
  expect(await repairsOf(database.appPool, group, [message])).toEqual(new Map());
});

it('an id that is too long may be replaced; the newest repair counts', async () => {
  const long = 'x'.repeat(256);
  const message = { ...withHeaders({ ce_id: long }), id: long };
  await repair(message, { headers: { ce_id: 'short' } });
  await repair(message, { headers: { ce_id: 'shorter' } });
  expect((await repairsOf(database.appPool, group, [message])).get(message)).toMatchObject({ headers: { ce_id: 'shorter' }, by: 'operator', reason: 'why' });
});

it('a repair is that of one message: another one at its place, in a log that was made anew, has none', async () => {
  const message = withHeaders({ ce_specversion: '0.3' });
  await repair(message, { headers: { ce_specversion: '1.0' } });
  const other = { ...message, value: new Uint8Array([10, 1, 120]) };
  expect([...(await repairsOf(database.appPool, group, [other, { ...message, offset: 6n }])).keys()]).toEqual([]);
  expect(await repairsOf(database.appPool, 'another group', [message])).toEqual(new Map());
});

it('what is not kept whole is read again, as long as the log has it', async () => {
  const message = withHeaders({ ce_specversion: '0.3' });
  const log = (found: ReceivedMessage | undefined): EventLog => ({ ...noLog, read: async () => found });
  const kept = { message: { ...message, headers: {} }, whole: false };
  expect(await wholeMessage(log(message), kept)).toBe(message);
  await expect(wholeMessage(log(undefined), kept)).rejects.toMatchObject({ rejection: { rule: 'message-not-in-log' } });
  await expect(wholeMessage(log({ ...message, key: 'another' }), kept)).rejects.toMatchObject({ rejection: { rule: 'message-not-in-log' } });
  await expect(wholeMessage(noLog, kept)).rejects.toMatchObject({ rejection: { rule: 'message-not-in-log' } });
});

it('headers that could not be kept come back from the log, too', async () => {
  const message = received();
  const refused = Object.assign(new Error('no'), { code: '22P02' });
  const tries: boolean[] = [];
  await keepMessage(message, 'why', async ({ whole, message: { headers } }) => {
    tries.push(whole);
    if (whole) throw refused;
    expect(headers).toEqual({});
  });
  expect(tries).toEqual([true, false]);
});

it('a redrive that finds the message no more in the log says so and leaves the letter', async () => {
  await park(database.appPool, group, received({ value: new Uint8Array(17 * 1024 * 1024) }), 'too large', true);
  const [listed] = await listDeadLetters(database.appPool, { group });
  expect(await readDeadLetter(database.appPool, listed!.id)).toMatchObject({ whole: false, reason: expect.stringMatching(/^too large \(of its 178\d+ bytes only the place in the log is kept\)$/) });
  const log: EventLog = { ...noLog, read: async () => undefined };
  expect(await redriveDeadLetters({ pool: database.appPool, log, group, handlers })).toEqual({ done: 0, failed: [{ topic: 'notes', key: 'k', reason: 'RejectionError: the log has notes/0@5 no more' }] });
});
