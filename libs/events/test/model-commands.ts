import { ok, reject, RejectionError, type Decider, type DomainEvent } from '@skein/kernel';
import fc from 'fast-check';
import { isDeepStrictEqual } from 'node:util';
import type { Pool } from 'pg';
import { expect } from 'vitest';
import type { EventStore, Expected } from '../src/index.js';
import { metadata, type AccountCommand } from './account.js';
import { orders, type Answer, type Append, type Command, type Model } from './model.js';

type LaneEvent = DomainEvent<string, { amount: bigint }>;

/** What a history is played on. */
export interface Real {
  pool: Pool;
  /** Two with memories of their own, as two processes have, and a way to get one that remembers nothing. */
  stores: readonly EventStore[];
  cold: () => EventStore;
  run: string;
  lane: Lane;
  start: bigint;
}

/** The decider of one lane of histories: its event types are its own, so that a read by type finds this lane's only. */
export interface Lane {
  types: readonly [string, string];
  decider: Decider<{ balance: bigint }, AccountCommand, LaneEvent>;
}

export function laneOf(lane: number): Lane {
  const types = [`skein.lane${lane}.account.deposited.v1`, `skein.lane${lane}.account.withdrawn.v1`] as const;
  const event = (change: bigint): LaneEvent => ({ type: change < 0n ? types[1] : types[0], data: { amount: change < 0n ? -change : change } });
  return {
    types,
    decider: {
      initialState: () => ({ balance: 0n }),
      decide: ({ change, times = 1 }, { balance }) =>
        balance + change < 0n ? reject('failed-precondition', 'insufficient-balance', 'not enough') : ok(Array.from({ length: times }, () => event(change))),
      evolve: ({ balance }, { type, data }) => ({ balance: type === types[0] ? balance + data.amount : balance - data.amount }),
      // So often that short histories have many.
      snapshot: { name: 'balance', version: 1, every: 2, encode: (state) => state, decode: (kept) => kept as { balance: bigint } },
    },
  };
}

const nameOf = (real: Real, stream: number): string => `${real.run}-${stream}`;

async function append(store: EventStore, real: Real, { stream, expected, count, id }: Append): Promise<Answer> {
  const events = Array.from({ length: count }, () => ({ type: real.lane.types[0], data: { amount: 1n } }));
  try {
    const { version } = await store.append(nameOf(real, stream), expected, events, metadata, id === undefined ? undefined : `${id}`);
    return { stream, version };
  } catch (error) {
    if (!(error instanceof RejectionError)) throw error;
    return `${error.rejection.rule} ${/at version \d+,/.exec(error.rejection.message)?.[0] ?? ''}`;
  }
}

async function execute(store: EventStore, real: Real, { stream, change, times, key, hash, message }: Command): Promise<Answer> {
  const result = await store.execute<{ balance: bigint }, AccountCommand, LaneEvent, bigint>({
    decider: real.lane.decider, streamId: nameOf(real, stream), metadata, command: () => ({ change, times }), answer: ({ balance }) => balance,
    ...(key === undefined ? {} : { key: { scope: real.run, key: `${key}`, requestHash: hash } }),
    ...(message === undefined ? {} : { inbox: { consumer: real.run, messageId: `${message}` } }),
  });
  if (!result.ok) return result.error.rule;
  const { duplicate, streamId, version, answer } = result.value;
  return { stream: Number(streamId.slice(real.run.length + 1)), version, duplicate, balance: answer };
}

const carryOut = (real: Real, which: number, change: Append | Command): Promise<Answer> => {
  const store = real.stores[which]!;
  return change.kind === 'append' ? append(store, real, change) : execute(store, real, change);
};

type Step = fc.AsyncCommand<Model, Real>;
// The name is made when it is asked for, which is only when a history fails.
const step = (name: () => string, run: (model: Model, real: Real) => Promise<void>): Step => ({ check: () => true, run, toString: name });
const text = (value: unknown): string => fc.stringify(value);

const stream = fc.nat(2);
const which = fc.nat(1);
const expected: fc.Arbitrary<Expected> = fc.oneof(fc.constantFrom<Expected[]>('any', 'none', 'exists'), fc.nat(4));
const appends: fc.Arbitrary<Append> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('append' as const), stream, expected, count: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 1, arbitrary: fc.nat(1).chain((id) => fc.record({ kind: fc.constant('append' as const), stream, expected, id: fc.constant(id), count: fc.constant(id + 1) })) },
);
const executes: fc.Arbitrary<Command> = fc.record(
  { kind: fc.constant('execute' as const), stream, change: fc.bigInt({ min: -3n, max: 3n }), times: fc.nat(2), hash: fc.constantFrom('a', 'b'), key: fc.nat(1), message: fc.nat(1) },
  { requiredKeys: ['kind', 'stream', 'change', 'times', 'hash'] },
);
const change: fc.Arbitrary<Append | Command> = fc.oneof(appends, executes);

const one = fc.record({ which, change }).map((asked) => step(() => text(asked), async (model, real) => {
  expect(await carryOut(real, asked.which, asked.change)).toEqual(model.apply(asked.change));
}));

/** Some order of what was given at once explains every answer. */
const race = fc.array(fc.record({ which, change }), { minLength: 2, maxLength: 3 }).map((asked) => step(() => `at once ${text(asked)}`, async (model, real) => {
  const answers = await Promise.all(asked.map((each) => carryOut(real, each.which, each.change)));
  const explained = orders(asked.map((_, at) => at)).some((order) => {
    const tried = model.copy();
    if (!order.every((at) => isDeepStrictEqual(tried.apply(asked[at]!.change), answers[at]))) return false;
    Object.assign(model, tried);
    return true;
  });
  if (!explained) throw new Error(`no order of what was given at once explains ${text(answers)}`);
}));

const lookAtState = fc.record({ stream, which: fc.option(which, { nil: undefined }) }).map((asked) => step(() => `state ${text(asked)}`, async (model, real) => {
  const store = asked.which === undefined ? real.cold() : real.stores[asked.which]!;
  expect(await store.state(real.lane.decider, nameOf(real, asked.stream))).toEqual({ state: { balance: model.balance(asked.stream) }, version: model.of(asked.stream).length });
}));

const readStream = fc.record({ stream, from: fc.integer({ min: 1, max: 4 }) }).map((asked) => step(() => `read ${text(asked)}`, async (model, real) => {
  expect((await real.stores[0]!.readStream(nameOf(real, asked.stream), asked.from)).map(({ version }) => version)).toEqual(model.of(asked.stream).map((_, at) => at + 1).slice(asked.from - 1));
}));

const forget = fc.constant(step(() => 'all snapshots are deleted', async (_, real) => void (await real.pool.query('DELETE FROM es_snapshot WHERE starts_with(stream_id, $1)', [real.run]))));

const archive = fc.record({ stream, max: fc.integer({ min: 1, max: 4 }) }).map((asked) => step(() => `archive ${text(asked)}`, async (_, real) => {
  await real.pool.query({ name: 'archive', text: 'SELECT es_archive($1, $2)', values: [nameOf(real, asked.stream), asked.max] });
}));

/** All there is from the history's first position: each stream as the model has it, in order. Returns the last position. */
export async function readAll(model: Model, real: Real): Promise<bigint> {
  const store = real.stores[1]!;
  await store.sequencer.settle();
  const seen = new Map<string, bigint[]>();
  let at = real.start;
  // A short page and a long one, so that a read that goes on at a position is one of them.
  for (const limit of [3, 1_000]) {
    for (const { streamId, version, position, data, type } of await store.readAll(at, limit, real.lane.types)) {
      const amounts = seen.get(streamId) ?? [];
      if (position <= at || version !== amounts.length + 1) throw new Error(`position ${position} of ${streamId} has version ${version} after ${amounts.length}`);
      const { amount } = data as { amount: bigint };
      seen.set(streamId, [...amounts, type === real.lane.types[0] ? amount : -amount]);
      at = position;
    }
  }
  expect(seen).toEqual(new Map([...model.streams].filter(([, amounts]) => amounts.length > 0).map(([number, amounts]) => [nameOf(real, number), amounts])));
  return at;
}

const readPositions = fc.constant(step(() => 'read from position', async (model, real) => void (await readAll(model, real))));

/** Histories: what is given to the store, one after the other and at once, and looks at it in between. */
export const histories = (maxCommands: number): fc.Arbitrary<Iterable<Step>> =>
  fc.commands([one, one, race, lookAtState, readStream, forget, archive, readPositions], { maxCommands, size: 'max' });
