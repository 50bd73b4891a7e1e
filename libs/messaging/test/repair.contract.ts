import { eventsMigrations, inboxOnce } from '@skein/events';
import { eventually, freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ConsumerWorker } from '../src/consumer-worker.js';
import type { ConsumerOptions } from '../src/consumer.types.js';
import { discardDeadLetter, listDeadLetters, readDeadLetter } from '../src/dead-letters.js';
import { MESSAGE_BYTES_MAX, type EventLog, type PublicMessage } from '../src/event-log.js';
import { discardHalt, listHalts, readHalt, resumeConsumer } from '../src/halts.js';
import type { EventTypes } from '../src/inspect.js';
import { KEPT_BYTES_MAX, type KeptMessage } from '../src/kept.js';
import { messagingMigrations } from '../src/migrations.js';
import { redriveDeadLetters, type Redriven } from '../src/redrive.js';
import { listRepairs, repairMessage, type Repair } from '../src/repairs.js';
import type { AdapterHarness } from './event-log.contract.js';
import { fresh } from './support/messages.js';
import { note, NOTED, noteHandler, TIMING } from './support/notes.js';

/** What was refused before it was decoded takes effect once, after it was mended, on every adapter. */
export function repairContract(name: string, makeHarness: () => Promise<AdapterHarness>): void {
  describe(`repair contract: ${name}`, () => {
    let harness: AdapterHarness;
    let log: EventLog;
    let database: TestDatabase;
    let worker: ConsumerWorker | undefined;
    let [topic, group] = ['', ''];
    let effects: string[] = [];
    let broken = false;

    beforeAll(async () => {
      [harness, database] = await Promise.all([makeHarness(), freshDatabase(eventsMigrations, messagingMigrations)]);
      log = harness.open();
    });
    afterAll(async () => {
      await log.close();
      await Promise.all([harness.drop(), database.drop()]);
    });
    beforeEach(async () => {
      [topic, group, effects, broken] = [fresh('topic'), fresh('group'), [], false];
      await log.createTopics([{ topic, partitions: 1, retention: 'infinite' }]);
    });
    afterEach(async () => {
      await worker?.stop();
      worker = undefined;
    });

    const types = (): EventTypes => ({ [topic]: [NOTED] });
    const handlers = (): ConsumerOptions['handlers'] => [noteHandler(topic, async (text, { inbox }) => {
      if (broken) throw new Error('odd note');
      await inboxOnce(database.appPool, inbox, async () => void effects.push(text.length > 100 ? `${text.length} characters` : text));
    })];
    async function consume(policy: ConsumerOptions['policy']): Promise<void> {
      worker = new ConsumerWorker({ log, pool: database.appPool, group, policy, timing: TIMING, handlers: handlers(), eventTypes: types() });
      await worker.start();
    }
    const bad = (headers: Record<string, string | undefined>, n = 1): PublicMessage => {
      const good = note(topic, 'k', n);
      const mixed = Object.entries({ ...good.headers, ...headers }).filter((entry): entry is [string, string] => entry[1] !== undefined);
      return { ...good, headers: Object.fromEntries(mixed), id: 'ce_id' in headers ? (headers['ce_id'] ?? '') : good.id, type: headers['ce_type'] ?? good.type };
    };
    const letters = () => listDeadLetters(database.appPool, { group });
    const redrive = (): Promise<Redriven> => redriveDeadLetters({ pool: database.appPool, log, group, handlers: handlers(), eventTypes: types(), by: 'operator' });
    const repair = (letter: KeptMessage, { headers = {}, oversize = false }: Partial<Repair>): Promise<void> =>
      repairMessage({ pool: database.appPool, log, group, handlers: handlers(), eventTypes: types(), letter, repair: { headers, oversize }, by: 'operator', reason: 'sender mended' });

    async function parked(...messages: PublicMessage[]): Promise<{ id: bigint } & KeptMessage> {
      await consume('park');
      await harness.sendUnchecked(messages);
      const [first] = await eventually(async () => {
        const found = await letters();
        expect(found).toHaveLength(messages.length);
        return found;
      }, { timeoutMs: 20_000 });
      return (await readDeadLetter(database.appPool, first!.id))!;
    }

    async function halted(message: PublicMessage): Promise<{ id: bigint } & KeptMessage> {
      await consume('stop');
      await harness.sendUnchecked([message]);
      await log.send([note(topic, 'other', 2)]);
      const [halt] = await eventually(async () => {
        const found = await listHalts(database.appPool, group);
        expect(found).toHaveLength(1);
        return found;
      }, { timeoutMs: 20_000 });
      return (await readHalt(database.appPool, halt!.id))!;
    }

    /** Whatever comes again takes no effect again: from the log, from the sender, from an operator. */
    async function onceFor(expected: string[], ...sender: PublicMessage[]): Promise<void> {
      expect([effects, await letters(), await redrive()]).toEqual([expected, [], { done: 0, failed: [] }]);
      await worker!.consumer!.seek(topic, 0, 0n);
      await log.send([...sender, note(topic, 'z', 9, 'end')]);
      await eventually(() => expect(effects.at(-1)).toBe('end'), { timeoutMs: 20_000 });
      expect([effects, await letters(), await listHalts(database.appPool, group)]).toEqual([[...expected, 'end'], [], []]);
    }

    const wrong: [string, Record<string, string | undefined>, Record<string, string>][] = [
      ['another CloudEvents version', { ce_specversion: '0.3' }, { ce_specversion: '1.0' }],
      ['no source', { ce_source: undefined }, { ce_source: 'the source' }],
      ['a mistyped type', { ce_type: 'skein.test.noded.v1' }, { ce_type: NOTED }],
      ['no id', { ce_id: undefined }, { ce_id: 'k#1' }],
      ['a stream version that is none', { ce_streamversion: 'three' }, { ce_streamversion: '3' }],
    ];
    const mendedBy = (headers: Record<string, string>): Record<string, string> => ('ce_source' in headers ? { ce_source: `/skein/${topic.replaceAll('.', '/')}` } : headers);

    it.each(wrong)('a message with %s takes effect once after it was mended, before the later one of its key', async (_, headers, by) => {
      const letter = await parked(bad(headers), note(topic, 'k', 2));
      expect((await redrive()).failed).toHaveLength(1);
      await repair(letter, { headers: mendedBy(by) });
      expect(await redrive()).toEqual({ done: 2, failed: [] });
      await onceFor(['1', '2'], note(topic, 'k', 1));
      expect(await readDeadLetter(database.appPool, letter.id)).toMatchObject({ outcome: 'redriven', closedBy: 'operator', message: { id: 'ce_id' in headers ? '' : 'k#1' } });
      expect(await listRepairs(database.appPool, group, letter.message)).toMatchObject([{ headers: mendedBy(by), oversize: false, by: 'operator', reason: 'sender mended' }]);
    });

    const large = (bytes: number): PublicMessage => note(topic, 'k', 1, 'x'.repeat(bytes));

    it('a message above the limit is kept whole, and takes effect once after it was let pass', async () => {
      const letter = await parked(large(MESSAGE_BYTES_MAX + 10_000));
      expect([letter.whole, letter.message.value.length > MESSAGE_BYTES_MAX]).toEqual([true, true]);
      expect((await redrive()).failed).toMatchObject([{ reason: expect.stringContaining('at most 1048576') }]);
      await repair(letter, { oversize: true });
      expect(await redrive()).toEqual({ done: 1, failed: [] });
      await onceFor([`${MESSAGE_BYTES_MAX + 10_000} characters`]);
    });

    it('of one that is too large to be kept the place is, from which it is read again', async () => {
      const letter = await parked(large(KEPT_BYTES_MAX + 1));
      expect([letter.whole, letter.message.value.length, letter.message.headers]).toEqual([false, 0, {}]);
      await repair(letter, { oversize: true });
      expect(await redrive()).toEqual({ done: 1, failed: [] });
      expect(effects).toEqual([`${KEPT_BYTES_MAX + 1} characters`]);
    });

    it.each([
      ['a wrong header', () => bad({ ce_specversion: '0.3' }), { headers: { ce_specversion: '1.0' } }, '1'],
      ['no id', () => bad({ ce_id: undefined }), { headers: { ce_id: 'k#1' } }, '1'],
      ['more than the limit', () => large(MESSAGE_BYTES_MAX + 10_000), { oversize: true }, `${MESSAGE_BYTES_MAX + 10_000} characters`],
      ['more than is kept', () => large(KEPT_BYTES_MAX + 1), { oversize: true }, `${KEPT_BYTES_MAX + 1} characters`],
    ] as const)('money that stands before a message with %s goes on with it once it is mended', async (_, make, mend, effect) => {
      const halt = await halted(make());
      await repair(halt, mend);
      expect(await resumeConsumer(database.appPool, group, 'operator')).toBe(1);
      await eventually(async () => expect([effects, await listHalts(database.appPool, group)]).toEqual([[effect, '2'], []]), { timeoutMs: 20_000 });
      await worker!.consumer!.seek(topic, 0, 0n);
      await log.send([note(topic, 'other', 3)]);
      await eventually(() => expect(effects).toEqual([effect, '2', '3']), { timeoutMs: 20_000 });
    });

    it('what is discarded after it was mended never takes effect', async () => {
      const letter = await parked(bad({ ce_id: undefined }));
      await repair(letter, { headers: { ce_id: 'k#1' } });
      expect(await discardDeadLetter(database.appPool, letter.id, 'operator', 'no')).toBe(true);
      await worker!.consumer!.seek(topic, 0, 0n);
      await log.send([note(topic, 'k', 1), note(topic, 'z', 2, 'end')]);
      await eventually(() => expect(effects).toEqual(['end']), { timeoutMs: 20_000 });
      expect(await letters()).toEqual([]);
    });

    it('and neither does money', async () => {
      const halt = await halted(bad({ ce_id: undefined }));
      await repair(halt, { headers: { ce_id: 'k#1' } });
      expect(await discardHalt(database.appPool, halt.id, 'operator', 'no')).toBe(true);
      await eventually(() => expect(effects).toEqual(['2']), { timeoutMs: 20_000 });
    });

    it('reads one message by its place, and nothing where none is', async () => {
      await log.send([1, 2, 3].map((n) => note(topic, 'k', n)));
      const read = (offset: bigint, partition = 0) => log.read?.({ topic, partition, offset });
      expect([(await read(1n))?.id, await read(3n), await read(0n, 1)]).toEqual(['k#2', undefined, undefined]);
    });
  });
}
