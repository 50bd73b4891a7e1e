import { metrics } from '@opentelemetry/api';
import { eventually, FakeClock } from '@skein/testing';
import { expect, test } from 'vitest';
import { accepted, mint, parkedAs, signedAs, startedAt, transaction } from '../../../test/outbox-fixtures.js';
import { fold, RejectionError } from '@skein/kernel';
import { outboxDecider } from '../../domain/outbox/outbox.decider.js';
import { figuresOf, OutboxWorker } from './outbox-worker.js';
import type { OutboxLook, RunOutbox } from './run-outbox.js';

const state = fold(outboxDecider, [startedAt(7), accepted(mint(1), 5_000), accepted(mint(2), 6_000), parkedAs(mint(2)), accepted(mint(3)), parkedAs(mint(3)), signedAs(mint(3), 7, transaction('0x1'))]);
const look = (parts: Partial<OutboxLook> = {}): OutboxLook => ({ state, troubles: [], replaced: 2, ...parts });
const frozen = look({ state: { ...state, frozen: { rule: 'differs-on-chain', message: 'sum is 4' } } });
const busy = look({ troubles: [{ code: 'unavailable', rule: 'fee-cap', message: 'too dear' }] });

test('figures: a parked intent that is under way again is not parked; ages count from the oldest', () => {
  expect(figuresOf(look(), 11_000)).toEqual({ pending: 3, parked: 1, frozen: 0, oldest: 10, replaced: 2 });
  expect(figuresOf(frozen, 500)).toMatchObject({ frozen: 1, oldest: 0 });
  expect(figuresOf(undefined, 9_000)).toEqual({ pending: 0, parked: 0, frozen: 0, oldest: 0, replaced: 0 });
});

function workerOver(looks: (OutboxLook | Error)[], chores: readonly (() => Promise<void>)[] = []) {
  const [said, clock, epochs]: [string[], FakeClock, number[]] = [[], new FakeClock(0), []];
  const run = {
    step: async () => {
      const next = looks.length > 1 ? looks.shift()! : looks[0]!;
      if (next instanceof Error) throw next;
      return next;
    },
  } as Partial<RunOutbox> as RunOutbox;
  const log = { warn: (fields: object) => void said.push(JSON.stringify(fields)), error: (fields: object) => void said.push(`error ${JSON.stringify(fields)}`) };
  const worker = new OutboxWorker({ run, chores: [...chores, async () => void epochs.push(clock.nowMs())], meter: metrics.getMeter('test'), log, clock, pollMs: 1 });
  return { worker, said, epochs, looks };
}

test('what it waits for is shown while it lasts and said once; failures are repeated', async () => {
  const { worker, said, epochs, looks } = workerOver([new Error('unreachable'), busy, busy, frozen, frozen, look()]);
  worker.start();
  await eventually(() => expect(looks).toHaveLength(1));
  await eventually(() => expect(worker.waitsFor()).toBeUndefined());
  await worker.stop();
  expect(said).toEqual([expect.stringContaining('"failures":1'), expect.stringContaining('fee-cap'), 'error {"rule":"differs-on-chain","reason":"sum is 4"}']);
  expect(epochs).toEqual([0]);
});

test('a frozen outbox says so', async () => {
  const { worker } = workerOver([frozen]);
  worker.start();
  await eventually(() => expect(worker.waitsFor()).toBe('frozen (differs-on-chain)'));
  await worker.stop();
});

test('a pass that ends before it began says by its rule what it waits for; a chore that fails stops neither the others nor the pass', async () => {
  const refused = (rule: string): RejectionError => new RejectionError({ code: 'unavailable', rule, message: rule, retriable: true });
  const { worker } = workerOver([refused('too-few-endpoints')]);
  worker.start();
  await eventually(() => expect(worker.waitsFor()).toBe('too-few-endpoints'));
  await worker.stop();
  const done: string[] = [];
  const { worker: busyOne } = workerOver([look()], [() => Promise.reject(refused('pool-away')), async () => void done.push('second')]);
  busyOne.start();
  await eventually(() => expect(busyOne.waitsFor()).toBe('pool-away'));
  await busyOne.stop();
  expect(done).toEqual(['second']);
});
