import { freshDatabase, type TestDatabase } from '@skein/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventsMigrations, EventStore } from '../src/index.js';
import { Model } from './model.js';
import { histories, laneOf, readAll, type Real } from './model-commands.js';

// Lanes run side by side: the database has work while one of them waits, and strangers' events come in between everywhere.
const LANES = 16;
const HISTORIES = Number(process.env['MODEL_HISTORIES'] ?? 10_000);
const COMMANDS_MAX = Number(process.env['MODEL_COMMANDS'] ?? 6);
/** Another seed is another 10 000 histories: MODEL_SEED. */
const SEED = Number(process.env['MODEL_SEED'] ?? 1);

let db: TestDatabase;
let stores: EventStore[];
let played = 0;
// Of each lane's types, the last position read: where its next history begins.
const reached: bigint[] = [];
beforeAll(async () => {
  db = await freshDatabase(eventsMigrations);
  const ignore = (): void => undefined;
  stores = [new EventStore({ pool: db.appPool, cacheMax: 20, onError: ignore }), new EventStore({ pool: db.appPool, onError: ignore })];
});
afterAll(async () => {
  await Promise.all(stores.map((store) => store.close()));
  await db.drop();
});

type Break = (store: EventStore) => EventStore;

async function play(lane: number, commands: Parameters<typeof fc.asyncModelRun<Model, Real, false, Model>>[1], damage: Break): Promise<void> {
  const run = `history${(played += 1)}`;
  const real: Real = {
    pool: db.appPool, stores: stores.map(damage), run, lane: laneOf(lane), start: reached[lane] ?? 0n,
    cold: () => damage(new EventStore({ pool: db.appPool, onError: () => undefined })),
  };
  const model = new Model();
  try {
    await fc.asyncModelRun(() => ({ model, real }), commands);
    reached[lane] = await readAll(model, real);
  } catch (error) {
    // The next history of the lane begins behind what this one has left.
    reached[lane] = await stores[0]!.headPosition();
    throw error;
  }
}

const property = (lane: number, damage: Break = (store) => store) => fc.asyncProperty(histories(COMMANDS_MAX), (commands) => play(lane, commands, damage));

test('every history does to the store what it does to lists and maps', async () => {
  const before = played;
  const lanes = await Promise.allSettled(Array.from({ length: LANES }, (_, lane) => fc.assert(property(lane), { seed: SEED * LANES + lane, numRuns: Math.ceil(HISTORIES / LANES) })));
  for (const lane of lanes) if (lane.status === 'rejected') throw lane.reason;
  expect(played - before).toBeGreaterThanOrEqual(HISTORIES);
}, Math.max(600_000, HISTORIES * 60));

const broken = <K extends keyof EventStore>(name: K, make: (inner: EventStore[K]) => EventStore[K]): Break => (store) =>
  new Proxy(store, { get: (target, key) => {
    const value: unknown = Reflect.get(target, key, target);
    const bound: unknown = typeof value === 'function' ? value.bind(target) : value;
    return key === name ? make(bound as EventStore[K]) : bound;
  } });

const breaks: Record<string, { damage: Break; steps: number }> = {
  'loses the last of several events': { damage: broken('append', (append) => async (id, expected, events, ...rest) => {
    const kept = events.length > 1 ? events.slice(0, -1) : events;
    const done = await append(id, expected, kept, ...rest);
    return { ...done, version: done.version + events.length - kept.length };
  }), steps: 1 },
  'takes no notice of the expected version': { damage: broken('append', (append) => (id, _, ...rest) => append(id, 'any', ...rest)), steps: 1 },
  'gives positions out of order': { damage: broken('readAll', (read) => async (...args) => (await read(...args)).reverse()), steps: 2 },
  'forgets idempotency keys': { damage: broken('execute', (execute) => ((request: Parameters<typeof execute>[0]) => {
    const { key: _, ...rest } = request;
    return execute(rest);
  }) as typeof execute), steps: 2 },
  'forgets what it has seen in the inbox': { damage: broken('execute', (execute) => ((request: Parameters<typeof execute>[0]) => {
    const { inbox: _, ...rest } = request;
    return execute(rest);
  }) as typeof execute), steps: 2 },
};

test.each(Object.entries(breaks))('a store that %s is found, and the history shrinks to what it takes', async (_, { damage, steps }) => {
  const found = await fc.check(property(LANES, damage), { numRuns: 2_000, seed: 7 });
  expect(found.failed).toBe(true);
  const [commands] = found.counterexample ?? [];
  const shrunk = [...(commands ?? [])].map(String);
  expect([shrunk.length > 0, shrunk.length <= steps], shrunk.join()).toEqual([true, true]);
});
