import { metrics, type Counter, type Histogram, type Meter, type MeterProvider, type ObservableCallback, type ObservableGauge } from '@opentelemetry/api';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventsMigrations, EventStore, projectionSink, Subscription } from '../src/index.js';
import { account, deposited, metadata } from './account.js';
import { balances } from './balances.js';

const recorded: [string, number, unknown][] = [];
const gauges = new Map<string, Set<ObservableCallback>>();
const instrument = (name: string): Counter & Histogram => {
  const take = (value: number, attributes?: unknown): void => void recorded.push([name, value, attributes ?? {}]);
  return { add: take, record: take };
};
const meter: Pick<Meter, 'createCounter' | 'createHistogram' | 'createObservableGauge'> = {
  createCounter: instrument,
  createHistogram: instrument,
  createObservableGauge: (name): ObservableGauge => {
    const callbacks = new Set<ObservableCallback>();
    gauges.set(name, callbacks);
    return { addCallback: (callback) => void callbacks.add(callback), removeCallback: (callback) => void callbacks.delete(callback) };
  },
};
const provider: MeterProvider = { getMeter: () => meter as Meter };

let db: TestDatabase;
let store: EventStore;
beforeAll(async () => {
  metrics.setGlobalMeterProvider(provider);
  db = await freshDatabase(eventsMigrations);
  store = new EventStore({ pool: db.appPool });
});
afterAll(async () => {
  await store.close();
  await db.drop();
  metrics.disable();
});

test('appends, conflicts, duplicates and lag are measured under their fixed names', async () => {
  await store.append('account-1', 'none', [deposited(1n)], metadata);
  await expect(store.append('account-1', 'none', [deposited(1n)], metadata)).rejects.toThrow('at version 1');
  const deliver = () => store.execute({ decider: account, streamId: 'account-1', metadata, command: () => ({ change: 1n }), inbox: { consumer: 'c', messageId: 'm' } });
  await deliver();
  await deliver();
  const of = (name: string): [string, number, unknown][] => recorded.filter(([recordedName]) => recordedName === name);
  // The duplicate is found by the append that a warm command begins with.
  expect(of('es_append_duration_seconds')).toHaveLength(4);
  expect(of('es_append_conflicts_total')).toHaveLength(1);
  expect(of('inbox_duplicates_total')).toEqual([['inbox_duplicates_total', 1, { consumer: 'c' }]]);

  const subscription = new Subscription({ store, sink: projectionSink(store, balances()) });
  await subscription.start();
  await subscription.catchUp();
  const observed: [number, unknown][] = [];
  const lag = gauges.get('es_projection_lag_events');
  for (const callback of lag ?? []) await callback({ observe: (value, attributes) => void observed.push([value, attributes]) });
  expect(observed).toEqual([[0, { subscription: 'balances' }]]);
  expect([...gauges.keys()].sort()).toEqual(['es_projection_lag_events', 'es_reactor_lag_events', 'es_rebuild_lag_events', 'es_subscription_retrying_seconds', 'relay_lag_events']);
  await subscription.stop();
  expect(lag?.size).toBe(0);
});
