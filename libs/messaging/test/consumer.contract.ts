import { create, toBinary } from '@bufbuild/protobuf';
import { Int64ValueSchema } from '@bufbuild/protobuf/wkt';
import { eventsMigrations, inboxOnce } from '@skein/events';
import { RejectionError, err } from '@skein/kernel';
import { createMetrics, currentTraceparent, type ServiceMetrics } from '@skein/telemetry';
import { eventually, freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startConsumer } from '../src/consumer.js';
import { onMessage, type ConsumerOptions, type Delivery, type RunningConsumer } from '../src/consumer.types.js';
import { listDeadLetters } from '../src/dead-letters.js';
import type { EventLog, PublicMessage } from '../src/event-log.js';
import type { EventTypes } from '../src/inspect.js';
import { messagingMigrations } from '../src/migrations.js';
import { partitionOf } from '../src/partitioner.js';
import { redriveDeadLetters, type Redriven } from '../src/redrive.js';
import { listStalls } from '../src/stalls.js';
import type { AdapterHarness } from './event-log.contract.js';
import { fresh, gate } from './support/messages.js';
import { note, NOTED, noteHandler, TIMING } from './support/notes.js';

const broken = (): never => {
  throw new Error('cannot be done');
};

/** What the consumer strategy must do on every adapter. */
export function consumerContract(name: string, makeHarness: () => Promise<AdapterHarness>): void {
  describe(`startConsumer contract: ${name}`, () => {
    let harness: AdapterHarness;
    let log: EventLog;
    let database: TestDatabase;
    let metrics: ServiceMetrics;
    const running: RunningConsumer[] = [];

    beforeAll(async () => {
      [harness, database] = await Promise.all([makeHarness(), freshDatabase(eventsMigrations, messagingMigrations)]);
      log = harness.open();
      metrics = createMetrics('test');
    });
    afterAll(async () => {
      await Promise.all(running.map((consumer) => consumer.stop()));
      await log.close();
      await Promise.all([harness.drop(), database.drop(), metrics.shutdown()]);
    });

    const topicOf = async (partitions = 1): Promise<string> => {
      const topic = fresh('topic');
      await log.createTopics([{ topic, partitions, retention: 'infinite' }]);
      return topic;
    };
    const start = async (topic: string, handle: (text: string, delivery: Delivery) => Promise<unknown>, more: Partial<ConsumerOptions> = {}) => {
      const options = { log, pool: database.appPool, group: fresh('group'), handlers: [noteHandler(topic, handle)], policy: 'park' as const, timing: TIMING, meter: metrics.meter, ...more };
      const consumer = await startConsumer(options);
      running.push(consumer);
      return { consumer, group: options.group, handlers: options.handlers };
    };

    it('decodes, tells where a message comes from, and runs under its trace', async () => {
      const topic = await topicOf();
      const seen: { text: string; delivery: Delivery; trace: string | undefined }[] = [];
      const { group } = await start(topic, async (text, delivery) => void seen.push({ text, delivery, trace: currentTraceparent() }));
      await log.send([note(topic, 'task-1', 3, 'hello')]);
      const { text, delivery, trace } = await eventually(() => (expect(seen).toHaveLength(1), seen[0]!));
      expect(text).toBe('hello');
      expect(delivery).toMatchObject({ attempt: 1, streamId: 'task-1', streamVersion: 3, correlationId: 'c-task-1', causationId: 'task-1#3', inbox: { consumer: group, messageId: `${topic}/task-1#3` } });
      expect(delivery.metadata('service:arena')).toEqual({ correlationId: 'c-task-1', causationId: 'task-1#3', actor: 'service:arena', traceparent: trace });
    });

    it('ignores types it does not know', async () => {
      const topic = await topicOf();
      const seen: string[] = [];
      const { group } = await start(topic, async (text) => void seen.push(text));
      await log.send([note(topic, 'k', 1, 'a', 'skein.test.unknown.v1'), note(topic, 'k', 2, 'b')]);
      await eventually(() => expect(seen).toEqual(['b']));
      await eventually(async () => expect((await log.lag(group))[0]!.lag).toBe(0n));
    });

    it('repeats a retriable failure without end, in order, while other partitions go on', async () => {
      const topic = await topicOf(8);
      const others = ['b', 'c', 'd', 'e', 'f'].filter((key) => partitionOf(key, 8) !== partitionOf('a', 8));
      const seen: string[] = [];
      const attempts: number[] = [];
      const alerts: string[] = [];
      let down = true;
      const logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: (_: object, message: string) => void alerts.push(message) };
      const { consumer } = await start(topic, async (_, { message, attempt }) => {
        if (message.id === 'a#1') attempts.push(attempt);
        if (message.key === 'a' && down) throw Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
        seen.push(message.id);
      }, { logger });
      await log.send([note(topic, 'a', 1), note(topic, 'a', 2), ...others.map((key) => note(topic, key, 1))]);
      await eventually(() => expect(attempts.length).toBeGreaterThan(7));
      await eventually(() => expect(alerts).toEqual(['partition has been failing for too long']));
      expect(await metrics.render()).toMatch(new RegExp(`consumer_retrying_seconds\\{group="${consumer.name}"`));
      const stalls = async () => (await listStalls(database.appPool)).filter(({ group }) => group === consumer.name);
      await eventually(async () => expect(await stalls()).toMatchObject([{ topic, partition: partitionOf('a', 8), reason: 'Error: connect' }]));
      await eventually(() => expect(seen).toEqual(expect.arrayContaining(others.map((key) => `${key}#1`))));
      expect(consumer.alive()).toBe(true);
      down = false;
      await eventually(() => expect(seen.filter((id) => id.startsWith('a'))).toEqual(['a#1', 'a#2']));
      await eventually(async () => expect(await stalls()).toEqual([]));
      expect(attempts.slice(0, 8)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      expect(await listDeadLetters(database.appPool, { group: consumer.name })).toEqual([]);
    });

    it('treats a returned retriable refusal as retriable and any other as a failure', async () => {
      const topic = await topicOf();
      let tries = 0;
      const { group } = await start(topic, async (text) => {
        if (text === 'later' && ++tries < 6) return err({ code: 'unavailable', rule: 'peer-away', message: 'later' });
        return text === 'never' ? err({ code: 'failed-precondition', rule: 'task-closed', message: 'no' }) : undefined;
      });
      await log.send([note(topic, 'a', 1, 'later'), note(topic, 'b', 1, 'never')]);
      const [letter] = await eventually(async () => {
        const letters = await listDeadLetters(database.appPool, { group });
        expect(letters).toHaveLength(1);
        return letters;
      });
      expect(tries).toBe(6);
      expect(letter).toMatchObject({ queue: `${group}.dlq`, reason: 'RejectionError: no', first: true, message: { key: 'b' } });
    });

    it('parks a poisoned message after 3 tries with the later ones of its key; other keys go on', async () => {
      const topic = await topicOf();
      const seen: string[] = [];
      const tries: number[] = [];
      const { group, consumer } = await start(topic, async (_, { message, attempt }) => {
        if (message.id === 'bad#1') tries.push(attempt);
        if (message.id === 'bad#1') broken();
        seen.push(message.id);
      });
      await log.send([note(topic, 'bad', 1), note(topic, 'good', 1), note(topic, 'bad', 2)]);
      await eventually(() => expect(seen).toEqual(['good#1']));
      await log.send([note(topic, 'bad', 3), note(topic, 'good', 2)]);
      await eventually(() => expect(seen).toEqual(['good#1', 'good#2']));
      expect(tries).toEqual([1, 2, 3]);
      expect(consumer.alive()).toBe(true);
      const letters = await listDeadLetters(database.appPool, { group });
      expect(letters.map(({ message, first }) => [message.id, first])).toEqual([['bad#1', true], ['bad#2', false], ['bad#3', false]]);
      expect(await listDeadLetters(database.appPool, { group, key: 'good' })).toEqual([]);
      expect(await metrics.render()).toMatch(new RegExp(`dead_letters_total\\{group="${group}",topic="${topic}",service_name="test"\\} 3`));
    });

    it('parks what cannot be decoded', async () => {
      const topic = await topicOf();
      const { group } = await start(topic, async () => undefined);
      await log.send([{ ...note(topic, 'k', 1), value: new Uint8Array([10, 200, 1]) }]);
      await eventually(async () => expect(await listDeadLetters(database.appPool, { group })).toHaveLength(1));
    });

    const TYPES = (topic: string): EventTypes => ({ [topic]: [NOTED, 'skein.test.other.v1'] });
    const bad: [string, (topic: string) => PublicMessage, string][] = [
      ['undecodable bytes', (topic) => ({ ...note(topic, 'k', 1), value: new Uint8Array([10, 200, 1]) }), ''],
      ['an unknown event type', (topic) => note(topic, 'k', 1, 'x', 'skein.test.invented.v1'), 'no contract of this build knows skein.test.invented.v1'],
      ['an unknown major version', (topic) => note(topic, 'k', 1, 'x', 'skein.test.noted.v2'), 'only another major version'],
      ['a wrong CloudEvents version', (topic) => withHeader(note(topic, 'k', 1), 'ce_specversion', '0.3'), 'ce_specversion is "0.3" instead of "1.0"'],
      ['another source', (topic) => withHeader(note(topic, 'k', 1), 'ce_source', '/elsewhere'), 'ce_source'],
      ['another content type', (topic) => withHeader(note(topic, 'k', 1), 'content-type', 'application/json'), 'content-type'],
      ['a stream version that is none', (topic) => withHeader(note(topic, 'k', 1), 'ce_streamversion', 'three'), 'ce_streamversion is "three", which is not a version'],
      ['a header that PostgreSQL cannot keep', (topic) => withHeader(note(topic, 'k', 1), 'ce_correlationid', 'a\0b'), 'header ce_correlationid holds U+0000'],
      ['no CloudEvents version', (topic) => withoutHeader(note(topic, 'k', 1), 'ce_specversion'), 'ce_specversion is missing'],
      ['no source', (topic) => withoutHeader(note(topic, 'k', 1), 'ce_source'), 'ce_source is missing'],
    ];
    const withoutHeader = (message: PublicMessage, name: string): PublicMessage => ({ ...message, headers: Object.fromEntries(Object.entries(message.headers).filter(([each]) => each !== name)) });
    const withHeader = (message: PublicMessage, name: string, value: string): PublicMessage => ({ ...message, headers: { ...message.headers, [name]: value } });

    it.each(bad)('parks %s with the reason, and the later messages of its key; other keys go on', async (_, make, reason) => {
      const topic = await topicOf();
      const seen: string[] = [];
      const { group } = await start(topic, async (__, { message }) => void seen.push(message.id), { eventTypes: TYPES(topic) });
      await log.send([make(topic), note(topic, 'k', 2), note(topic, 'good', 3)]);
      const letters = await eventually(async () => {
        const found = await listDeadLetters(database.appPool, { group });
        expect(found).toHaveLength(2);
        return found;
      });
      expect(letters[0]!.reason).toContain(reason);
      expect(letters.map(({ first }) => first)).toEqual([true, false]);
      await eventually(() => expect(seen).toEqual(['good#3']));
    });

    it('halts before bad input where money is concerned', async () => {
      const topic = await topicOf();
      const { consumer } = await start(topic, async () => undefined, { eventTypes: TYPES(topic), policy: 'stop' });
      await log.send([note(topic, 'k', 1, 'x', 'skein.test.noted.v2')]);
      await eventually(() => expect(consumer.state()).toBe('halted'));
      expect(consumer.reason()).toContain('another major version');
    });

    it('ignores a type of the contracts that is not for this group, and reads a message with fields it does not know', async () => {
      const topic = await topicOf();
      const seen: string[] = [];
      const { group } = await start(topic, async (text) => void seen.push(text), { eventTypes: TYPES(topic) });
      const known = note(topic, 'k', 2, 'known');
      // Field 15, a string: what a later minor version may add.
      await log.send([note(topic, 'k', 1, 'x', 'skein.test.other.v1'), { ...known, value: new Uint8Array([...known.value, 122, 1, 33]) }]);
      await eventually(() => expect(seen).toEqual(['known']));
      expect(await listDeadLetters(database.appPool, { group })).toEqual([]);
    });

    it('lets a repetition pass but parks the same id with other content; the first stands', async () => {
      const topic = await topicOf();
      const seen: string[] = [];
      const { group } = await start(topic, async (text) => void seen.push(text), { eventTypes: TYPES(topic) });
      await log.send([note(topic, 'k', 1, 'first'), note(topic, 'k', 1, 'first'), note(topic, 'k', 1, 'second')]);
      const [letter] = await eventually(async () => {
        const found = await listDeadLetters(database.appPool, { group });
        expect(found).toHaveLength(1);
        return found;
      });
      expect(letter!.reason).toContain('was met before with other content');
      // Repetitions are removed by the inbox, which this handler does not use.
      expect(seen).toEqual(['first', 'first']);
    });

    const LATE = 'skein.test.late.v1';
    const NEXT = 'skein.test.noted.v2';
    const number = (message: PublicMessage, value: bigint): PublicMessage => ({ ...message, value: toBinary(Int64ValueSchema, create(Int64ValueSchema, { value })) });
    type Handle = (text: string, delivery: Delivery) => Promise<unknown>;
    /** What is sent, and what the next build has for it. */
    const mended: [string, (topic: string) => PublicMessage[], (topic: string, handle: Handle) => ConsumerOptions['handlers'][number], string[]][] = [
      ['an unknown type', (topic) => [note(topic, 'k', 1, 'late', LATE), note(topic, 'k', 2, 'after')], (topic, handle) => ({ ...noteHandler(topic, handle), type: LATE }), ['late', 'after']],
      ['an unknown major version', (topic) => [note(topic, 'k', 1, 'next', NEXT), note(topic, 'k', 2, 'after')], (topic, handle) => ({ ...noteHandler(topic, handle), type: NEXT }), ['next', 'after']],
      ['bytes that could not be decoded', (topic) => [number(note(topic, 'k', 1), 5n), number(note(topic, 'k', 2), 6n)],
        (topic, handle) => onMessage({ topic, type: NOTED, schema: Int64ValueSchema, handle: ({ value }, delivery) => handle(String(value), delivery) }), ['5', '6']],
    ];

    it.each(mended)('redrives %s with one effect after the fix', async (_, send, fix, expected) => {
      const topic = await topicOf();
      const effects: string[] = [];
      const handle: Handle = (text, { inbox }) => inboxOnce(database.appPool, inbox, async () => void effects.push(text));
      const { group, handlers } = await start(topic, handle, { eventTypes: TYPES(topic) });
      await log.send(send(topic));
      await eventually(async () => expect(await listDeadLetters(database.appPool, { group })).toHaveLength(2));
      const again = (eventTypes: EventTypes, by: typeof handlers): Promise<Redriven> => redriveDeadLetters({ pool: database.appPool, group, handlers: by, eventTypes });
      expect((await again(TYPES(topic), handlers)).failed).toHaveLength(1);
      const fixed = fix(topic, handle);
      const by = [fixed, ...handlers.filter(({ type }) => type !== fixed.type)];
      const types = { [topic]: [NOTED, LATE, NEXT] };
      expect(await again(types, by)).toEqual({ done: 2, failed: [] });
      expect(await again(types, by)).toEqual({ done: 0, failed: [] });
      expect(effects).toEqual(expected);
    });

    it.each(mended)('money halts before %s, halts again after a restart without the fix, and after one with it has one effect', async (_, send, fix, expected) => {
      const topic = await topicOf();
      const effects: string[] = [];
      let calls = 0;
      const handle: Handle = (text, { inbox }) => ((calls += 1), inboxOnce(database.appPool, inbox, async () => void effects.push(text)));
      const old = await start(topic, handle, { eventTypes: TYPES(topic), policy: 'stop' });
      const { group, handlers } = old;
      await log.send(send(topic));
      await eventually(() => expect(old.consumer.state()).toBe('halted'));
      await old.consumer.stop();
      const same = await start(topic, handle, { group, eventTypes: TYPES(topic), policy: 'stop' });
      await eventually(() => expect(same.consumer.state()).toBe('halted'));
      await same.consumer.stop();
      expect([effects, await listDeadLetters(database.appPool, { group })]).toEqual([[], []]);
      const fixed = fix(topic, handle);
      const more = { group, policy: 'stop', eventTypes: { [topic]: [NOTED, LATE, NEXT] }, handlers: [fixed, ...handlers.filter(({ type }) => type !== fixed.type)] } as const;
      const next = await start(topic, handle, more);
      await eventually(() => expect(effects).toEqual(expected));
      await eventually(async () => expect((await log.lag(group))[0]!.lag).toBe(0n));
      await next.consumer.stop();
      const again = await start(topic, handle, more);
      await again.consumer.seek(topic, 0, 0n);
      await eventually(() => expect(calls).toBe(2 * expected.length));
      expect([effects, again.consumer.state()]).toEqual([expected, 'running']);
    });

    it('redrives an id with other content without a second effect: the first stands', async () => {
      const topic = await topicOf();
      const effects: string[] = [];
      const { group, handlers } = await start(topic, (text, { inbox }) => inboxOnce(database.appPool, inbox, async () => void effects.push(text)));
      await log.send([note(topic, 'k', 1, 'first'), note(topic, 'k', 1, 'second'), note(topic, 'k', 2, 'after')]);
      await eventually(async () => expect(await listDeadLetters(database.appPool, { group })).toHaveLength(2));
      expect(await redriveDeadLetters({ pool: database.appPool, group, handlers })).toEqual({ done: 2, failed: [] });
      expect(effects).toEqual(['first', 'after']);
    });

    it('redrives by command in order, after which the key is free', async () => {
      const topic = await topicOf();
      const seen: string[] = [];
      let fixed = false;
      const { group, handlers } = await start(topic, async (_, { message }) => {
        if (message.id === 'k#2' && !fixed) broken();
        seen.push(message.id);
      });
      await log.send([1, 2, 3, 4].map((n) => note(topic, 'k', n)));
      await eventually(async () => expect(await listDeadLetters(database.appPool, { group })).toHaveLength(3));
      const again = await redriveDeadLetters({ pool: database.appPool, group, handlers });
      expect(again).toEqual({ done: 0, failed: [{ topic, key: 'k', reason: 'Error: cannot be done' }] });
      fixed = true;
      expect(await redriveDeadLetters({ pool: database.appPool, group, handlers })).toEqual({ done: 3, failed: [] });
      await log.send([note(topic, 'k', 5)]);
      await eventually(() => expect(seen).toEqual(['k#1', 'k#2', 'k#3', 'k#4', 'k#5']));
      expect(await listDeadLetters(database.appPool, { group })).toEqual([]);
    });

    it('keeps a key\'s order when messages arrive during its redrive', async () => {
      const topic = await topicOf();
      const seen: string[] = [];
      const inside = gate();
      const goOn = gate();
      let mode: 'broken' | 'slow' = 'broken';
      const { group, handlers } = await start(topic, async (_, { message }) => {
        if (message.id === 'k#1' && mode === 'broken') broken();
        if (message.id === 'k#1') {
          inside.open();
          await goOn.opened;
        }
        seen.push(message.id);
      });
      await log.send([note(topic, 'k', 1)]);
      await eventually(async () => expect(await listDeadLetters(database.appPool, { group })).toHaveLength(1));
      mode = 'slow';
      const redriving = redriveDeadLetters({ pool: database.appPool, group, handlers });
      await inside.opened;
      await log.send([note(topic, 'k', 2)]);
      await eventually(async () => expect(await listDeadLetters(database.appPool, { group })).toHaveLength(2));
      goOn.open();
      expect(await redriving).toEqual({ done: 2, failed: [] });
      await log.send([note(topic, 'k', 3)]);
      await eventually(() => expect(seen).toEqual(['k#1', 'k#2', 'k#3']));
    });

    it('stops before a poisoned message where money is concerned, and shows as not alive', async () => {
      const topic = await topicOf();
      const seen: string[] = [];
      const { consumer, group } = await start(topic, async (_, { message }) => {
        if (message.id === 'k#2') broken();
        seen.push(message.id);
      }, { policy: 'stop' });
      await log.send([1, 2, 3].map((n) => note(topic, 'k', n)));
      await eventually(() => expect(consumer.state()).toBe('halted'));
      expect(consumer.alive()).toBe(false);
      expect(consumer.reason()).toMatch(/@1 skein\.test\.noted\.v1: Error: cannot be done$/);
      expect(await metrics.render()).toMatch(new RegExp(`consumer_halted\\{group="${group}",service_name="test"\\} 1`));
      await consumer.stop();
      expect(seen).toEqual(['k#1']);
      expect((await log.lag(group))[0]).toMatchObject({ committed: 1n, lag: 2n });
      expect(await listDeadLetters(database.appPool, { group })).toEqual([]);
      await start(topic, async (_, { message }) => void seen.push(message.id), { policy: 'stop', group });
      await eventually(() => expect(seen).toEqual(['k#1', 'k#2', 'k#3']));
    });

    it('lets nothing escape a handler, whatever it throws', async () => {
      const topic = await topicOf();
      const seen: string[] = [];
      const throwing: unknown[] = [undefined, null, 'text', 0, new RejectionError({ code: 'internal', rule: 'r', message: 'm' }), Object.create(null)];
      const { consumer, group } = await start(topic, async (text) => {
        if (text === 'end') return void seen.push(text);
        throw throwing[Number(text)];
      });
      await log.send([...throwing.map((_, n) => note(topic, `k${n}`, n)), note(topic, 'z', 99, 'end')]);
      await eventually(() => expect(seen).toEqual(['end']));
      expect(await listDeadLetters(database.appPool, { group })).toHaveLength(throwing.length);
      expect(consumer.state()).toBe('running');
    });

    it('shows lag, and stops shown as stopped', async () => {
      const topic = await topicOf();
      const { consumer, group } = await start(topic, async () => undefined);
      await log.send([note(topic, 'k', 1)]);
      await eventually(async () => expect(await metrics.render()).toMatch(new RegExp(`consumer_lag_events\\{group="${group}",topic="${topic}",partition="0",service_name="test"\\} 0`)));
      await consumer.stop();
      expect([consumer.state(), consumer.alive()]).toEqual(['stopped', false]);
    });
  });
}
