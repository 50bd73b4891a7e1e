import { eventually } from '@skein/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MESSAGE_BYTES_MAX, type EventLog, type PartitionBatch, type PublicMessage, type TopicSpec } from '../src/event-log.js';
import { applyTopics, planTopics } from '../src/topic-plan.js';
import type { TestChild } from './support/child.js';
import { Collector, fresh, gate, messageOf, numbersOf, series } from './support/messages.js';

/** What an adapter brings to its contract. */
export interface AdapterHarness {
  /** Another instance over the same log, as another process would have. Closed by the suite. */
  open(): EventLog;
  /** A member in a process of its own that hangs in its n-th message until SIGUSR2. */
  spawnMember(group: string, topic: string, hangAt: number): TestChild;
  /** Writes into a topic's first partition what `send` refuses, as a stranger may. */
  sendUnchecked(messages: readonly PublicMessage[]): Promise<void>;
  drop(): Promise<void>;
}

/** What every `EventLog` must do, embedded or Kafka. */
export function eventLogContract(name: string, makeHarness: () => Promise<AdapterHarness>): void {
  describe(`EventLog contract: ${name}`, () => {
    let harness: AdapterHarness;
    let log: EventLog;
    const opened: EventLog[] = [];
    const open = (): EventLog => {
      const another = harness.open();
      opened.push(another);
      return another;
    };
    const topicOf = async (partitions: number): Promise<string> => {
      const topic = fresh('topic');
      await log.createTopics([{ topic, partitions, retention: 'infinite' }]);
      return topic;
    };
    beforeAll(async () => {
      harness = await makeHarness();
      log = open();
    });
    afterAll(async () => {
      await Promise.all(opened.map((each) => each.close()));
      await harness.drop();
    });

    it('loses nothing and keeps the order per key while many write and one reads', async () => {
      const topic = await topicOf(4);
      const collector = new Collector();
      await log.consume({ group: fresh('g'), topics: [topic], onBatch: collector.onBatch });
      const writers = Array.from({ length: 8 }, (_, writer) => async () => {
        const sender = writer % 2 === 0 ? log : opened.at(-1)!;
        for (let n = 0; n < 60; n += 3) await sender.send([n, n + 1, n + 2].map((each) => messageOf(topic, `w${writer}`, each)));
      });
      open();
      await Promise.all(writers.map((write) => write()));
      await eventually(() => expect(collector.received.length).toBeGreaterThanOrEqual(480), { timeoutMs: 30_000 });
      for (let writer = 0; writer < 8; writer++) expect(numbersOf(collector.received, `w${writer}`)).toEqual(Array.from({ length: 60 }, (_, n) => n));
      for (const partition of [0, 1, 2, 3]) {
        const offsets = collector.received.filter((message) => message.partition === partition).map(({ offset }) => offset);
        expect(offsets).toEqual(offsets.map((_, at) => BigInt(at)));
      }
    });

    it('holds each key\'s messages in the order of any batches', async () => {
      const batches = fc.array(fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'é', ''), { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 6 });
      await fc.assert(fc.asyncProperty(batches, fc.integer({ min: 1, max: 4 }), async (keys, partitions) => {
        const topic = await topicOf(partitions);
        const collector = new Collector();
        let n = 0;
        const sent = keys.map((batch) => batch.map((key) => messageOf(topic, key, n++)));
        for (const batch of sent) await log.send(batch);
        const consumer = await log.consume({ group: fresh('g'), topics: [topic], onBatch: collector.onBatch, batchMax: 3 });
        await eventually(() => expect(collector.received).toHaveLength(n));
        await consumer.stop();
        for (const { key } of sent.flat()) expect(numbersOf(collector.received, key)).toEqual(numbersOf(sent.flat(), key));
        for (const { key, partition } of collector.received) expect(partition).toBe(collector.received.find((other) => other.key === key)!.partition);
      }), { numRuns: 10 });
    });

    it('gives back what was sent, byte for byte', async () => {
      const topic = await topicOf(1);
      const collector = new Collector();
      const sent = { ...messageOf(topic, 'key "with" ünïcode', 1, new Uint8Array([0, 255, 10, 92])), headers: { ce_id: '1', note: 'a "b" \\ ü' } };
      await log.send([sent]);
      await log.consume({ group: fresh('g'), topics: [topic], onBatch: collector.onBatch });
      const [received] = await eventually(() => (expect(collector.received).toHaveLength(1), collector.received));
      expect({ ...received, value: [...received!.value] }).toEqual({ ...sent, partition: 0, offset: 0n, value: [...sent.value] });
    });

    it('delivers again after a crash, to another member', async () => {
      const topic = await topicOf(1);
      const group = fresh('g');
      await log.send(series(topic, 20));
      const child = harness.spawnMember(group, topic, 13);
      await eventually(() => expect(child.lines.filter((line) => 'id' in line)).toHaveLength(13), { timeoutMs: 20_000 });
      await child.kill();
      const collector = new Collector();
      await log.consume({ group, topics: [topic], onBatch: collector.onBatch });
      await eventually(() => expect(collector.ids).toContain('k4#19'), { timeoutMs: 20_000 });
      // Batches of 5: what was committed lies behind, what was being handled comes again.
      expect(collector.ids[0]).toBe('k0#10');
      expect(collector.ids).toHaveLength(10);
    });

    it('fences a member that was away: its successor\'s offsets stand', async () => {
      const topic = await topicOf(1);
      const group = fresh('g');
      await log.send(series(topic, 10));
      const child = harness.spawnMember(group, topic, 3);
      await eventually(() => expect(child.lines.filter((line) => 'id' in line)).toHaveLength(3), { timeoutMs: 20_000 });
      child.signal('SIGSTOP');
      const collector = new Collector();
      const successor = await log.consume({ group, topics: [topic], onBatch: collector.onBatch });
      await eventually(() => expect(collector.ids).toHaveLength(10), { timeoutMs: 20_000 });
      await eventually(async () => expect((await log.lag(group))[0]!.committed).toBe(10n));
      await successor.stop();
      child.signal('SIGUSR2');
      child.signal('SIGCONT');
      await log.send(series(topic, 1, 5, 10));
      await eventually(async () => expect((await log.lag(group))[0]!.committed).toBe(11n), { timeoutMs: 20_000 });
      // It ended its batch of 5, could not commit it, and went on where its successor had stopped.
      const ids = child.lines.filter((line) => 'id' in line).map((line) => line['id']);
      expect(ids).toEqual(['k0#0', 'k1#1', 'k2#2', 'k3#3', 'k4#4', 'k0#10']);
      await child.kill();
    });

    it('rebalances while messages are being processed', async () => {
      const topic = await topicOf(4);
      const group = fresh('g');
      await log.send(series(topic, 200, 20));
      const handled: { key: string; id: string }[] = [];
      const busy = new Set<number>();
      const overlaps: number[] = [];
      const onBatch = async (batch: PartitionBatch): Promise<void> => {
        if (busy.has(batch.partition)) overlaps.push(batch.partition);
        busy.add(batch.partition);
        for (const message of batch.messages) {
          if (batch.signal.aborted) break;
          await new Promise((resolve) => setImmediate(resolve));
          handled.push(message);
          batch.resolve(message);
        }
        busy.delete(batch.partition);
      };
      const first = await log.consume({ group, topics: [topic], onBatch, batchMax: 3 });
      expect(first.assignment()).toHaveLength(4);
      const second = await open().consume({ group, topics: [topic], onBatch, batchMax: 3 });
      await eventually(() => expect([first.assignment().length, second.assignment().length]).toEqual([2, 2]), { timeoutMs: 20_000 });
      await log.send(series(topic, 200, 20, 200));
      await eventually(() => expect(new Set(handled.map(({ id }) => id)).size).toBe(400), { timeoutMs: 30_000 });
      expect(overlaps).toEqual([]);
      for (let key = 0; key < 20; key++) expect(numbersOf(handled, `k${key}`)).toEqual(Array.from({ length: 20 }, (_, at) => key + 20 * at));
      await first.stop();
      await eventually(() => expect(second.assignment()).toHaveLength(4), { timeoutMs: 20_000 });
      await log.send(series(topic, 20, 20, 400));
      await eventually(() => expect(new Set(handled.map(({ id }) => id)).size).toBe(420), { timeoutMs: 20_000 });
      await second.stop();
    });

    it('delivers again what a handler did not settle, and goes on behind it', async () => {
      const topic = await topicOf(1);
      const seen: string[] = [];
      await log.send(series(topic, 6, 1));
      await log.consume({
        group: fresh('g'),
        topics: [topic],
        onBatch: async (batch) => {
          for (const message of batch.messages) {
            seen.push(message.id);
            if (message.id === 'k0#3' && seen.filter((id) => id === message.id).length < 3) throw new Error('not yet');
            batch.resolve(message);
          }
        },
      });
      await eventually(() => expect(seen).toEqual(['k0#0', 'k0#1', 'k0#2', 'k0#3', 'k0#3', 'k0#3', 'k0#4', 'k0#5']));
    });

    it('pauses and resumes one partition', async () => {
      const topic = await topicOf(2);
      const collector = new Collector();
      const consumer = await log.consume({ group: fresh('g'), topics: [topic], onBatch: collector.onBatch });
      consumer.pause(topic, 0);
      await log.send(series(topic, 40, 20));
      const arrived = (partition: number): number => collector.received.filter((message) => message.partition === partition).length;
      await eventually(() => expect(arrived(1)).toBeGreaterThan(0));
      expect(arrived(0)).toBe(0);
      consumer.resume(topic, 0);
      await eventually(() => expect(collector.received).toHaveLength(40));
    });

    it('tells the lag per partition', async () => {
      const topic = await topicOf(1);
      const group = fresh('g');
      const hold = gate();
      await log.send(series(topic, 7));
      const consumer = await log.consume({ group, topics: [topic], onBatch: async (batch) => {
        await hold.opened;
        batch.messages.forEach((message) => batch.resolve(message));
      } });
      expect(await log.lag(group)).toEqual([{ topic, partition: 0, committed: 0n, head: 7n, lag: 7n }]);
      hold.open();
      await eventually(async () => expect((await log.lag(group))[0]!.lag).toBe(0n));
      await consumer.stop();
      await log.send(series(topic, 2, 5, 7));
      expect((await log.lag(group))[0]).toMatchObject({ committed: 7n, lag: 2n });
    });

    it('tells who reads: process, age, and what each member holds, none twice', async () => {
      const topic = await topicOf(4);
      const group = fresh('g');
      expect(await log.members?.(group)).toEqual([]);
      const other = open();
      const consumers = await Promise.all([log, other].map((each) => each.consume({ group, topics: [topic], onBatch: new Collector().onBatch })));
      const held = [0, 1, 2, 3].map((partition) => ({ topic, partition }));
      await eventually(async () => {
        const members = (await log.members?.(group)) ?? [];
        expect(members.flatMap(({ assignment }) => assignment).sort((one, another) => one.partition - another.partition)).toEqual(held);
        expect(members.map(({ assignment }) => assignment.length)).toEqual([2, 2]);
        for (const { process: name, ageMs } of members) expect([name, ageMs]).toEqual([expect.stringMatching(new RegExp(`:${process.pid}$`)), expect.any(Number)]);
      });
      await consumers[1]!.stop();
      await eventually(async () => expect((await log.members?.(group))?.map(({ assignment }) => assignment)).toEqual([held]));
      await consumers[0]!.stop();
    });

    it('replays from an offset', async () => {
      const topic = await topicOf(1);
      const collector = new Collector();
      const group = fresh('g');
      await log.send(series(topic, 10, 1));
      const consumer = await log.consume({ group, topics: [topic], onBatch: collector.onBatch });
      await eventually(() => expect(collector.ids).toHaveLength(10));
      await consumer.seek(topic, 0, 4n);
      await eventually(() => expect(collector.ids).toHaveLength(16));
      expect(collector.ids.slice(10)).toEqual(['k0#4', 'k0#5', 'k0#6', 'k0#7', 'k0#8', 'k0#9']);
      await expect(consumer.seek(topic, 5, 0n)).rejects.toThrow();
    });

    it('serves two groups independently, and a new group from the beginning', async () => {
      const topic = await topicOf(3);
      const [early, late] = [new Collector(), new Collector()];
      await log.consume({ group: fresh('early'), topics: [topic], onBatch: early.onBatch });
      await log.send(series(topic, 30));
      await eventually(() => expect(early.ids).toHaveLength(30));
      await open().consume({ group: fresh('late'), topics: [topic], onBatch: late.onBatch });
      await eventually(() => expect(late.ids).toHaveLength(30));
      await log.send(series(topic, 5, 5, 30));
      await eventually(() => expect([early.ids.length, late.ids.length]).toEqual([35, 35]));
    });

    it('commits on stop what was settled, and the next member goes on there', async () => {
      const topic = await topicOf(1);
      const group = fresh('g');
      const [first, second] = [new Collector(), new Collector()];
      await log.send(series(topic, 10, 1));
      const entered = gate();
      const leave = gate();
      const consumer = await log.consume({ group, topics: [topic], onBatch: async (batch) => {
        const started = first.onBatch({ ...batch, messages: batch.messages.slice(0, 4) });
        entered.open();
        await leave.opened;
        await started;
      } });
      await entered.opened;
      const stopping = consumer.stop();
      leave.open();
      await stopping;
      expect(consumer.alive()).toBe(false);
      expect(first.ids).toHaveLength(4);
      await log.consume({ group, topics: [topic], onBatch: second.onBatch });
      await eventually(() => expect(second.ids).toEqual(['k0#4', 'k0#5', 'k0#6', 'k0#7', 'k0#8', 'k0#9']));
    });

    it('refuses what is too large or has no topic, and then writes nothing of the batch', async () => {
      const topic = await topicOf(1);
      const group = fresh('g');
      const collector = new Collector();
      const large = messageOf(topic, 'k', 1, new Uint8Array(MESSAGE_BYTES_MAX));
      await expect(log.send([messageOf(topic, 'k', 0), large])).rejects.toMatchObject({ rejection: { rule: 'message-too-large' } });
      await expect(log.send([messageOf(topic, 'k', 0), messageOf('no.such.topic', 'k', 1)])).rejects.toMatchObject({ rejection: { rule: 'unknown-topic' } });
      const fits = messageOf(topic, 'k', 2, new Uint8Array(MESSAGE_BYTES_MAX - 100));
      await log.send([fits]);
      await log.consume({ group, topics: [topic], onBatch: collector.onBatch });
      await eventually(() => expect(collector.ids).toEqual(['k#2']));
      expect(collector.received[0]!.value).toHaveLength(MESSAGE_BYTES_MAX - 100);
    });

    it('takes several messages at the limit in one call, in order', async () => {
      const topic = await topicOf(2);
      const collector = new Collector();
      const sent = ['a', 'b', 'a', 'b', 'a'].map((key, n) => messageOf(topic, key, n, new Uint8Array(MESSAGE_BYTES_MAX - key.length - JSON.stringify({ ce_id: `${key}#${n}` }).length)));
      await log.send(sent);
      await log.consume({ group: fresh('g'), topics: [topic], onBatch: collector.onBatch });
      await eventually(() => expect(collector.received).toHaveLength(5), { timeoutMs: 20_000 });
      expect([numbersOf(collector.received, 'a'), numbersOf(collector.received, 'b')]).toEqual([[0, 2, 4], [1, 3]]);
      const over = { ...sent[0]!, value: new Uint8Array(sent[0]!.value.length + 1) };
      await expect(log.send([over])).rejects.toMatchObject({ rejection: { rule: 'message-too-large' } });
    });

    it('makes topics once and keeps their partition count', async () => {
      const topic = await topicOf(3);
      await log.createTopics([{ topic, partitions: 3, retention: 'infinite' }]);
      await expect(log.createTopics([{ topic, partitions: 4, retention: 'infinite' }])).rejects.toThrow('3 partitions');
    });

    it('plans topics, brings them to the manifest, and changes nothing where one is in conflict', async () => {
      const [kept, made] = [await topicOf(3), fresh('topic')];
      const specs: TopicSpec[] = [{ topic: kept, partitions: 3, retention: 'compact' }, { topic: made, partitions: 2, retention: 'compact' }];
      const planned = async (): Promise<string[]> => (await planTopics(log, specs)).filter(({ topic }) => topic === kept || topic === made).map(({ action }) => action);
      expect(await planned()).toEqual(['alter', 'create']);
      await expect(applyTopics(log, [...specs, { topic: await topicOf(1), partitions: 2, retention: 'infinite' }])).rejects.toMatchObject({ rejection: { rule: 'topic-conflict' } });
      expect(await planned()).toEqual(['alter', 'create']);
      await applyTopics(log, specs);
      await eventually(async () => expect(await planned()).toEqual(['unchanged', 'unchanged']));
    });
  });
}
