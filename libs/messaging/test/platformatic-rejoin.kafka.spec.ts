import { Connection, NetworkError, ProtocolError } from '@platformatic/kafka';
import { eventually } from '@skein/testing';
import { expect, inject, it, onTestFinished } from 'vitest';
import { PlatformaticEventLog } from '../src/kafka/platformatic-event-log.js';
import { Collector, fresh, numbersOf, series } from './support/messages.js';

const SESSION_MS = 6_000;
const API = { offsetCommit: 8, joinGroup: 11, heartbeat: 12, syncGroup: 14 };

const closed = (): Error => new NetworkError('Connection closed');
const answer = (name: string): Error => new ProtocolError(name);

/** The next request of each kind fails, as it does while a broker goes away; how many have not failed yet. */
function failOnce(...failures: readonly (readonly [keyof typeof API, Error])[]): () => number {
  const open = new Map(failures.map(([name, failure]) => [API[name], failure]));
  const original = Connection.prototype.send;
  const send = function failing(this: Connection, ...request: Parameters<typeof original>): void {
    const [apiKey] = request;
    const failure = open.get(apiKey);
    open.delete(apiKey);
    if (failure === undefined) return original.apply(this, request);
    const callback = request[6] as (error: Error) => void;
    process.nextTick(callback, failure);
  };
  Connection.prototype.send = send as typeof original;
  onTestFinished(() => void (Connection.prototype.send = original));
  return () => open.size;
}

async function consuming(): Promise<{ log: PlatformaticEventLog; topic: string; group: string; collector: Collector }> {
  const log = new PlatformaticEventLog({ brokers: inject('skeinKafkaBrokers').split(','), sessionTimeoutMs: SESSION_MS });
  onTestFinished(() => log.close());
  const [topic, group, collector] = [fresh('topic'), fresh('g'), new Collector()];
  await log.createTopics([{ topic, partitions: 2, retention: 'infinite' }]);
  await log.consume({ group, topics: [topic], onBatch: collector.onBatch });
  await log.send(series(topic, 10));
  await eventually(() => expect(collector.ids).toHaveLength(10), { timeoutMs: 20_000 });
  await eventually(async () => expect((await log.lag(group)).map(({ lag }) => lag)).toEqual([0n, 0n]), { timeoutMs: 20_000 });
  return { log, topic, group, collector };
}

it.each([
  ['joins', 'joinGroup'],
  ['is given its partitions', 'syncGroup'],
] as const)('a member whose connection ends while it %s joins again', async (_, step) => {
  const { log, topic, group, collector } = await consuming();
  const left = failOnce(['heartbeat', answer('REBALANCE_IN_PROGRESS')], [step, closed()]);
  await eventually(() => expect(left()).toBe(0), { timeoutMs: 20_000 });
  await log.send(series(topic, 10, 5, 10));
  await eventually(() => expect(collector.ids).toHaveLength(20), { timeoutMs: 30_000 });
  for (let key = 0; key < 5; key++) expect(numbersOf(collector.received, `k${key}`)).toEqual([key, key + 5, key + 10, key + 15]);
  await eventually(async () => expect((await log.lag(group)).map(({ lag }) => lag)).toEqual([0n, 0n]), { timeoutMs: 20_000 });
});

it('a member that was told at a commit that it has lost its partition joins again', async () => {
  const { log, topic, group, collector } = await consuming();
  const left = failOnce(['offsetCommit', answer('ILLEGAL_GENERATION')]);
  await log.send(series(topic, 10, 5, 10));
  await eventually(() => expect(left()).toBe(0), { timeoutMs: 20_000 });
  await log.send(series(topic, 10, 5, 20));
  await eventually(() => expect(new Set(collector.ids).size).toBe(30), { timeoutMs: 30_000 });
  await eventually(async () => expect((await log.lag(group)).map(({ lag }) => lag)).toEqual([0n, 0n]), { timeoutMs: 20_000 });
});
