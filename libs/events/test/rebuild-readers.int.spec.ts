import { eventually, freshDatabase } from '@skein/testing';
import { expect, onTestFinished, test } from 'vitest';
import { compareProjection, eventsMigrations, EventStore, projectionSink, rebuildProjection, Subscription, type RebuildStep } from '../src/index.js';
import { deposited, metadata } from './account.js';
import { balances } from './balances.js';

test('a switch that waits for a long reader lets all others through, and comes when that one is done', async () => {
  const db = await freshDatabase(eventsMigrations);
  const store = new EventStore({ pool: db.appPool });
  onTestFinished(async () => {
    await store.close();
    await db.drop();
  });
  const live = new Subscription({ store, sink: projectionSink(store, balances()) });
  await live.start();
  onTestFinished(() => live.stop());
  await store.append('account-1', 'any', [deposited(3n)], metadata);
  await live.catchUp();

  const [reader, other] = [await db.appPool.connect(), await db.appPool.connect()];
  try {
    await reader.query('BEGIN');
    await reader.query('SELECT FROM balances.balance');
    const steps: RebuildStep[] = [];
    const rebuilt = rebuildProjection(store, balances(), { onStep: (step) => void steps.push(step) });
    await eventually(() => expect(steps).toContain('waiting'), { timeoutMs: 20_000 });
    // Longer than a try of the switch, far shorter than this reader.
    await other.query("SET statement_timeout = '10s'");
    const before = steps.length;
    while (steps.length < before + 2) expect((await other.query('SELECT units FROM balances.balance')).rows).toEqual([{ units: '3' }]);
    await store.append('account-1', 'any', [deposited(4n)], metadata);
    await live.catchUp();
    expect(steps).not.toContain('switched');
    await reader.query('COMMIT');
    await rebuilt;
    expect(steps).toContain('switched');
  } finally {
    reader.release();
    other.release();
  }
  expect(await compareProjection(store, balances())).toMatchObject({ equal: true });
});
