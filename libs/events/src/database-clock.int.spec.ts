import { eventually, freshDatabase, type TestDatabase } from '@skein/testing';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { DatabaseClock } from './database-clock.js';
import { eventsMigrations } from './migrate.js';

const HOUR_MS = 3_600_000;
let database: TestDatabase;

beforeAll(async () => {
  database = await freshDatabase(eventsMigrations);
});

afterAll(() => database.drop());
afterEach(() => void vi.restoreAllMocks());

const databaseMs = async (): Promise<number> => Number((await database.appPool.query<{ now_ms: string }>('SELECT es_now_ms() AS now_ms')).rows[0]?.now_ms);

test.each([['ahead', HOUR_MS], ['behind', -HOUR_MS]])('a process whose clock is an hour %s tells the database’s time', async (_, wrongMs) => {
  const real = Date.now.bind(Date);
  vi.spyOn(Date, 'now').mockImplementation(() => real() + wrongMs);
  const clock = new DatabaseClock({ pool: database.appPool });
  await clock.start();
  const before = await databaseMs();
  const told = clock.nowMs();
  const after = await databaseMs();
  clock.stop();
  expect(told).toBeGreaterThan(before - 5_000);
  expect(told).toBeLessThan(after + 5_000);
});

test('a step of the process’s clock changes nothing, and time goes on between two looks', async () => {
  const clock = new DatabaseClock({ pool: database.appPool, everyMs: HOUR_MS });
  await clock.start();
  const first = clock.nowMs();
  vi.spyOn(Date, 'now').mockReturnValue(0);
  await eventually(() => expect(clock.nowMs()).toBeGreaterThan(first));
  expect(clock.nowMs() - first).toBeLessThan(HOUR_MS);
  clock.stop();
});

test('it looks again by itself, and a look that fails is reported and made up for', async () => {
  const answers: (string | Error)[] = [new Error('away'), '1000', '500000'];
  const reported: unknown[] = [];
  const query = async (): Promise<{ rows: { now_ms: string }[] }> => {
    const answer = answers.shift() ?? '500000';
    if (answer instanceof Error) throw answer;
    return { rows: [{ now_ms: answer }] };
  };
  const clock = new DatabaseClock({ pool: { query } as unknown as TestDatabase['appPool'], everyMs: 5, onError: (error) => reported.push(error) });
  vi.spyOn(Date, 'now').mockReturnValue(7);
  await clock.start();
  expect([clock.nowMs(), reported.length]).toEqual([7, 1]);
  await eventually(() => expect(clock.nowMs()).toBeGreaterThanOrEqual(500_000));
  clock.stop();
});
