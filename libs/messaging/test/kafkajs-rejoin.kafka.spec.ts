import { createRequire } from 'node:module';
import { eventually } from '@skein/testing';
import { expect, inject, it, onTestFinished } from 'vitest';
import { KafkaJsEventLog } from '../src/kafka/kafkajs-event-log.js';
import { Collector, fresh, numbersOf, series } from './support/messages.js';

type Call = (request: { memberId?: string }) => Promise<unknown>;

const SESSION_MS = 6_000;
const { prototype: broker } = createRequire(import.meta.url)('kafkajs/src/broker/index.js') as { prototype: Record<'heartbeat' | 'joinGroup' | 'syncGroup' | 'offsetCommit', Call> };

const answer = (type: string): Error => Object.assign(new Error(type), { name: 'KafkaJSProtocolError', type, retriable: false });
const closed = (): Error => Object.assign(new Error('Closed connection'), { name: 'KafkaJSConnectionClosedError', retriable: true });

const armed = new Map<keyof typeof broker, Error>();
for (const name of ['heartbeat', 'joinGroup', 'syncGroup', 'offsetCommit'] as const) {
  const original = broker[name];
  broker[name] = async function disturbed(this: unknown, request) {
    const failure = armed.get(name);
    // The first join of a member that is new has no member id.
    if (failure === undefined || !request.memberId) return original.call(this, request);
    armed.delete(name);
    throw failure;
  };
}

/** The next such call by somebody who is a member already fails, as it does while a broker goes away. */
const failOnce = (name: keyof typeof broker, failure: Error): void => void armed.set(name, failure);
const allFailed = (): Promise<void> => eventually(() => expect([...armed.keys()]).toEqual([]), { timeoutMs: 20_000 });

async function consuming(): Promise<{ log: KafkaJsEventLog; topic: string; group: string; collector: Collector }> {
  const log = new KafkaJsEventLog({ brokers: inject('skeinKafkaBrokers').split(','), sessionTimeoutMs: SESSION_MS });
  onTestFinished(() => log.close());
  const [topic, group, collector] = [fresh('topic'), fresh('g'), new Collector()];
  await log.createTopics([{ topic, partitions: 2, retention: 'infinite' }]);
  await log.consume({ group, topics: [topic], onBatch: collector.onBatch });
  await log.send(series(topic, 10));
  await eventually(() => expect(collector.ids).toHaveLength(10), { timeoutMs: 20_000 });
  return { log, topic, group, collector };
}

it.each([
  ['joins', 'joinGroup'],
  ['is given its partitions', 'syncGroup'],
] as const)('a member whose connection ends while it %s joins again, though its broker still knows it', async (_, step) => {
  const { log, topic, group, collector } = await consuming();
  failOnce(step, closed());
  failOnce('heartbeat', answer('NOT_COORDINATOR_FOR_GROUP'));
  await allFailed();
  await log.send(series(topic, 10, 5, 10));
  await eventually(() => expect(new Set(collector.ids).size).toBe(20), { timeoutMs: 30_000 });
  for (let key = 0; key < 5; key++) expect([...new Set(numbersOf(collector.received, `k${key}`))]).toEqual([key, key + 5, key + 10, key + 15]);
  await eventually(async () => expect((await log.lag(group)).map(({ lag }) => lag)).toEqual([0n, 0n]), { timeoutMs: 20_000 });
});

it('a member that was told at a commit that it has lost its partition joins again', async () => {
  const { log, topic, group, collector } = await consuming();
  await eventually(async () => expect((await log.lag(group)).map(({ lag }) => lag)).toEqual([0n, 0n]), { timeoutMs: 20_000 });
  failOnce('offsetCommit', answer('ILLEGAL_GENERATION'));
  await log.send(series(topic, 10, 5, 10));
  await allFailed();
  await log.send(series(topic, 10, 5, 20));
  await eventually(() => expect(new Set(collector.ids).size).toBe(30), { timeoutMs: 30_000 });
  await eventually(async () => expect((await log.lag(group)).map(({ lag }) => lag)).toEqual([0n, 0n]), { timeoutMs: 20_000 });
});
