import { type EventStore, reactorSink, Subscription } from '@skein/events';
import { startConsumer, type EventLog } from '@skein/messaging';
import type { Pool } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EVENT_STORE, POOL, type ServiceDefinition } from '../src/index.js';
import { stage, type Stage } from './harness.js';

let arena: Stage;
let billing: Stage;
beforeAll(async () => {
  const called = (name: ServiceDefinition['name']) => stage({ define: (base) => ({ ...base, name }) });
  [arena, billing] = await Promise.all([called('arena'), called('billing')]);
});
afterAll(() => Promise.all([arena, billing].map((one) => one.close())));

const storeOf = (one: Stage): EventStore => one.service.get<EventStore>(EVENT_STORE);
const metricsOf = async (one: Stage): Promise<string> => (await one.rest('GET', '/metrics')).text;
const append = (one: Stage, streamId: string) => storeOf(one).append(streamId, 'none', [{ type: 'noted', data: {} }], { correlationId: 'c', actor: 'test' });

/** A log that delivers nothing and lags by seven messages. */
const quietLog: EventLog = {
  send: async () => undefined,
  consume: async () => ({ alive: () => true, assignment: () => [], pause: () => undefined, resume: () => undefined, seek: async () => undefined, stop: async () => undefined }),
  lag: async () => [{ topic: 't', partition: 0, committed: 1n, head: 8n, lag: 7n }],
  createTopics: async () => undefined,
  close: async () => undefined,
};

test('two services in one process show what their stores and consumers measure, each its own', async () => {
  await append(arena, 'note-1');
  await append(billing, 'note-1');
  await append(billing, 'note-2');
  await expect(append(billing, 'note-2')).rejects.toThrow('at version 1');
  const [ofArena, ofBilling] = [await metricsOf(arena), await metricsOf(billing)];
  expect(ofArena).toMatch(/^es_append_duration_seconds_count\{service_name="arena"\} 1$/m);
  expect(ofBilling).toMatch(/^es_append_duration_seconds_count\{service_name="billing"\} 3$/m);
  expect(ofBilling).toMatch(/^es_append_conflicts_total\{service_name="billing"\} 1$/m);
  expect(ofArena).not.toMatch(/^es_append_conflicts_total\{[^}]*\} [1-9]/m);
  for (const text of [ofArena, ofBilling]) expect(text).not.toMatch(/^(es|relay|consumer)_.*process/m);
});

test('subscriptions and consumers over a service\'s pool are measured as its own, too', async () => {
  const subscription = new Subscription({ store: storeOf(billing), sink: reactorSink({ name: 'notes_seen', handle: async () => undefined }) });
  const consumer = await startConsumer({ log: quietLog, pool: billing.service.get<Pool>(POOL), group: 'billing.notes', handlers: [], policy: 'park' });
  await subscription.start();
  await subscription.catchUp();
  const [ofArena, ofBilling] = [await metricsOf(arena), await metricsOf(billing)];
  await Promise.all([subscription.stop(), consumer.stop()]);
  expect(ofBilling).toMatch(/^es_reactor_lag_events\{subscription="notes_seen",service_name="billing"\} 0$/m);
  expect(ofBilling).toMatch(/^consumer_lag_events\{group="billing.notes",topic="t",partition="0",service_name="billing"\} 7$/m);
  expect(ofArena).not.toMatch(/notes_seen|billing/);
});
