import { EventStore } from '@skein/events';
import { migrationsOf } from '@skein/platform';
import { createLogger } from '@skein/telemetry';
import { eventually, freshDatabase, type TestDatabase } from '@skein/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TaskSignals } from '../src/application/task-signals.js';
import { flAggregatorService } from '../src/fl-aggregator.service.js';
import { ForeignChanges } from '../src/infrastructure/foreign-changes.js';

const FOR_EVER_MS = 600_000;
const METADATA = { correlationId: 'test', actor: 'test' };
const never = new AbortController().signal;

let database: TestDatabase;
let otherPool: pg.Pool;
let here: EventStore;
let elsewhere: EventStore;
let signals: TaskSignals;
let changes: ForeignChanges;

const happens = (task: string) => elsewhere.append(`federation-${task}`, 'any', [{ type: 'federation.round.opened', data: {} }], METADATA);

beforeAll(async () => {
  database = await freshDatabase(...migrationsOf(flAggregatorService));
  otherPool = new pg.Pool({ connectionString: database.appUrl, max: 2 });
  here = new EventStore({ pool: database.appPool });
  elsewhere = new EventStore({ pool: otherPool });
  signals = new TaskSignals();
  changes = new ForeignChanges(here, signals, createLogger({ service: 'test', level: 'silent' }));
  changes.onApplicationBootstrap();
});
afterAll(async () => {
  await changes.onApplicationShutdown();
  await elsewhere.close();
  await here.close();
  await otherPool.end();
  await database.drop();
});

test('a waiting stream is woken by what another process does in its task, again and again', async () => {
  for (let round = 0; round < 3; round += 1) {
    const woken = signals.wait('one', FOR_EVER_MS, never);
    await happens('one');
    await woken;
  }
  expect(signals.awaited).toBe(false);
});

test('another task wakes nobody, once it is known what is new', async () => {
  const end = new AbortController();
  let wakes = 0;
  const quiet = (async () => {
    while (!end.signal.aborted) {
      await signals.wait('quiet', FOR_EVER_MS, end.signal);
      wakes += 1;
    }
  })();
  const busy = async (): Promise<void> => {
    const woken = signals.wait('busy', FOR_EVER_MS, never);
    await happens('busy');
    await woken;
  };
  // The first look with somebody waiting wakes everybody.
  await busy();
  const before = wakes;
  for (let round = 0; round < 3; round += 1) await busy();
  expect(wakes).toBe(before);
  end.abort();
  await quiet;
});

test('after its end nothing listens', async () => {
  await changes.onApplicationShutdown();
  await eventually(async () => {
    const { rows } = await otherPool.query<{ count: string }>("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query = 'LISTEN es_position'");
    expect(rows[0]?.count).toBe('0');
  });
});
