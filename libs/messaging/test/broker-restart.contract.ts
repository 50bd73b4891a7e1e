import { eventually } from '@skein/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EventLog, PublicMessage } from '../src/event-log.js';
import { isRetriable } from '../src/failure.js';
import { Collector, fresh, messageOf, numbersOf, series } from './support/messages.js';

/** An event log whose server belongs to the test. */
export interface RestartHarness {
  open(): EventLog;
  /** kill -9, then a start on the same data and port. */
  restart(): Promise<void>;
  /** Ends the server in order and starts it again. */
  restartInOrder(): Promise<void>;
  /** The server answers nothing until the returned function is called. */
  freeze(): () => void;
  drop(): Promise<void>;
}

const KEYS = 4;
const PER_KEY = 60;

/** As a relay does: the same batch again until it is taken. */
async function sendAgain(log: EventLog, messages: readonly PublicMessage[]): Promise<void> {
  await eventually(async () => {
    try {
      await log.send(messages);
    } catch (error) {
      expect(isRetriable(error), String(error)).toBe(true);
      throw error;
    }
  }, { timeoutMs: 60_000, everyMs: 50 });
}

const firstTimes = (collector: Collector, key: string): number[] => [...new Set(numbersOf(collector.received, key))];

/** What every `EventLog` must do when its server goes away and comes back. */
export function brokerRestartContract(name: string, makeHarness: () => Promise<RestartHarness>): void {
  describe(`EventLog over restarts: ${name}`, () => {
    let harness: RestartHarness;
    let log: EventLog;
    beforeAll(async () => {
      harness = await makeHarness();
      log = harness.open();
    });
    afterAll(async () => {
      await log.close();
      await harness.drop();
    });
    const topicOf = async (partitions: number): Promise<string> => {
      const topic = fresh('topic');
      await log.createTopics([{ topic, partitions, retention: 'infinite' }]);
      return topic;
    };

    it('loses nothing, keeps the order per key and its members while it is killed and started again', async () => {
      const topic = await topicOf(3);
      const group = fresh('g');
      const collector = new Collector();
      const consumer = await log.consume({ group, topics: [topic], onBatch: collector.onBatch });
      const writers = Array.from({ length: KEYS }, (_, key) => async () => {
        for (let n = 0; n < PER_KEY; n += 3) await sendAgain(log, [n, n + 1, n + 2].map((each) => messageOf(topic, `k${key}`, each)));
      });
      const writing = Promise.all(writers.map((write) => write()));
      await eventually(() => expect(collector.received.length).toBeGreaterThan(20));
      await harness.restart();
      await eventually(() => expect(collector.received.length).toBeGreaterThan(60), { timeoutMs: 60_000 });
      await harness.restartInOrder();
      await writing;
      for (let key = 0; key < KEYS; key++)
        await eventually(() => expect(firstTimes(collector, `k${key}`)).toEqual(Array.from({ length: PER_KEY }, (_, n) => n)), { timeoutMs: 60_000 });
      expect(consumer.alive()).toBe(true);
      await eventually(async () => expect((await log.lag(group)).map(({ lag }) => lag)).toEqual([0n, 0n, 0n]), { timeoutMs: 60_000 });
      await consumer.stop();
    });

    it('goes on where a group had committed, with what was sent before', async () => {
      const topic = await topicOf(1);
      const group = fresh('g');
      const [before, after] = [new Collector(), new Collector()];
      await log.send(series(topic, 5));
      const consumer = await log.consume({ group, topics: [topic], onBatch: before.onBatch });
      await eventually(async () => expect((await log.lag(group))[0]).toMatchObject({ committed: 5n, lag: 0n }));
      await consumer.stop();
      await log.send(series(topic, 3, 5, 5));
      await harness.restartInOrder();
      await eventually(() => log.lag(group), { timeoutMs: 60_000 });
      await log.consume({ group, topics: [topic], onBatch: after.onBatch });
      await eventually(() => expect(after.ids).toEqual(['k0#5', 'k1#6', 'k2#7']), { timeoutMs: 60_000 });
      expect(before.ids).toHaveLength(5);
    });

    it('a server that answers nothing for a while is waited for', async () => {
      const topic = await topicOf(1);
      const collector = new Collector();
      const consumer = await log.consume({ group: fresh('g'), topics: [topic], onBatch: collector.onBatch });
      await log.send([messageOf(topic, 'k', 0)]);
      await eventually(() => expect(collector.ids).toEqual(['k#0']));
      const thaw = harness.freeze();
      const sending = sendAgain(log, [messageOf(topic, 'k', 1), messageOf(topic, 'k', 2)]);
      const asked = log.lag('any').then(() => 'answered', () => 'refused');
      thaw();
      await Promise.all([sending, asked]);
      await eventually(() => expect(firstTimes(collector, 'k')).toEqual([0, 1, 2]), { timeoutMs: 60_000 });
      expect(consumer.alive()).toBe(true);
    });
  });
}
