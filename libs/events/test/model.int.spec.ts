import { RejectionError } from '@skein/kernel';
import { freshDatabase, type TestDatabase } from '@skein/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { eventsMigrations, EventStore, type Expected } from '../src/index.js';
import { account, deposited, metadata, type AccountCommand, type AccountEvent } from './account.js';

let db: TestDatabase;
let stores: EventStore[];
beforeAll(async () => {
  db = await freshDatabase(eventsMigrations);
  stores = [new EventStore({ pool: db.appPool, cacheMax: 2 }), new EventStore({ pool: db.appPool })];
});
afterAll(async () => {
  await Promise.all(stores.map((store) => store.close()));
  await db.drop();
});

/** What the store must be like: streams as lists, keys and messages as maps. */
class Model {
  readonly streams = new Map<string, bigint[]>();
  readonly keys = new Map<string, { hash: string; stream: string; version: number; answer: bigint }>();
  readonly messages = new Set<string>();
  readonly of = (stream: string): bigint[] => this.streams.get(stream) ?? [];
  readonly balance = (stream: string): bigint => this.of(stream).reduce((sum, units) => sum + units, 0n);
  add(stream: string, amounts: bigint[]): void {
    this.streams.set(stream, [...this.of(stream), ...amounts]);
  }
}

const stream = fc.integer({ min: 0, max: 2 });
const which = fc.integer({ min: 0, max: 1 });
const expected: fc.Arbitrary<Expected> = fc.oneof(fc.constantFrom<Expected[]>('any', 'none', 'exists'), fc.integer({ min: 0, max: 6 }));
const step = fc.oneof(
  fc.record({ kind: fc.constant('append' as const), stream, which, expected, count: fc.integer({ min: 1, max: 3 }) }),
  fc.record({
    kind: fc.constant('execute' as const), stream, which, change: fc.bigInt({ min: -4n, max: 4n }), times: fc.integer({ min: 0, max: 2 }),
    key: fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined }), hash: fc.constantFrom('a', 'b'), message: fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined }),
  }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function appendInModel(model: Model, name: string, expectedVersion: Expected, count: number): boolean {
  const version = model.of(name).length;
  const fits = { any: true, none: version === 0, exists: version > 0 };
  if (!(typeof expectedVersion === 'number' ? expectedVersion === version : fits[expectedVersion])) return false;
  model.add(name, Array.from({ length: count }, () => 1n));
  return true;
}

type Executing = Extract<Step, { kind: 'execute' }>;

function executeInModel(model: Model, name: string, { change, times, key, hash, message }: Executing): unknown {
  const stored = key === undefined ? undefined : model.keys.get(`${key}`);
  if (stored) return stored.hash === hash ? { duplicate: true, streamId: stored.stream, version: stored.version, answer: stored.answer } : 'idempotency-key-reused';
  if (message !== undefined && model.messages.has(`${message}`)) return { duplicate: true, streamId: name, version: model.of(name).length, answer: undefined };
  if (model.balance(name) + change < 0n) return 'insufficient-balance';
  model.add(name, Array.from({ length: times }, () => change));
  const done = { streamId: name, version: model.of(name).length, answer: model.balance(name) };
  if (key !== undefined) model.keys.set(`${key}`, { hash, stream: name, version: done.version, answer: done.answer });
  if (message !== undefined) model.messages.add(`${message}`);
  return { duplicate: false, ...done };
}

async function executeInStore(store: EventStore, run: string, name: string, { change, times, key, hash, message }: Executing): Promise<unknown> {
  const result = await store.execute<{ balance: bigint }, AccountCommand, AccountEvent, bigint>({
    decider: account, streamId: name, metadata, command: () => ({ change, times }), answer: ({ balance }) => balance,
    ...(key === undefined ? {} : { key: { scope: run, key: `${key}`, requestHash: hash } }),
    ...(message === undefined ? {} : { inbox: { consumer: run, messageId: `${message}` } }),
  });
  if (!result.ok) return result.error.rule;
  const { duplicate, streamId, version, answer } = result.value;
  return { duplicate, streamId, version, answer };
}

let runs = 0;
async function play(steps: readonly Step[]): Promise<void> {
  const run = `run-${(runs += 1)}`;
  const model = new Model();
  const start = await stores[0]!.headPosition();
  for (const taken of steps) {
    const name = `${run}-${taken.stream}`;
    const store = stores[taken.which]!;
    if (taken.kind === 'append') {
      const events = Array.from({ length: taken.count }, () => deposited(1n));
      const accepted = await store.append(name, taken.expected, events, metadata).then(() => true, (error: unknown) => {
        if (error instanceof RejectionError && error.rejection.rule === 'expected-version') return false;
        throw error;
      });
      expect(accepted).toBe(appendInModel(model, name, taken.expected, taken.count));
    } else expect(await executeInStore(store, run, name, taken)).toEqual(executeInModel(model, name, taken));
  }
  let total = 0;
  for (const [name, amounts] of model.streams) {
    total += amounts.length;
    for (const store of stores) expect(await store.state(account, name)).toEqual({ state: { balance: model.balance(name) }, version: amounts.length });
    expect((await stores[0]!.readStream(name)).map(({ version }) => version)).toEqual(amounts.map((_, at) => at + 1));
  }
  const head = await stores[1]!.headPosition();
  expect(head - start).toBe(BigInt(total));
  expect(await stores[1]!.readAll(start, 1_000)).toHaveLength(total);
}

test('two processes with small caches behave like lists and maps', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40, size: '+1' }), async (steps) => {
    await play(steps);
  }), { numRuns: 100 });
});
