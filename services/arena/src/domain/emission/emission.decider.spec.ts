import { decodePayload, encodePayload, fold, unwrap } from '@skein/kernel';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NOW, Stream } from '../../../test/domain.fixtures.js';
import { emissionOfDay } from '../reward/emission.policy.js';
import { type EmissionAllocated, type EmissionCandidate, type EmissionCommand, type EmissionState, emissionDecider, emissionOf } from './emission.decider.js';

const task = (taskId: string, more: Partial<EmissionCandidate> = {}): EmissionCandidate => ({ taskId, epoch: 1, epochs: 2, epochSeconds: 86_400, weight: 1n, ...more });
const allocate = (taskId: string, epoch: number, candidates: EmissionCandidate[], over: string[] = []): EmissionCommand => ({ kind: 'allocate', taskId, epoch, candidates, over, nowMs: NOW });

test('each reward epoch is given out once, to all tasks in training by weight', () => {
  const calendar = new Stream(emissionDecider);
  const [event] = calendar.do(allocate('a', 1, [task('a', { weight: 3n }), task('b')]));
  expect(event!.data).toMatchObject({ rewardEpoch: 0, day: 0, totalUnits: emissionOfDay(0n), reached: [] });
  expect(event!.data.parts.map(({ units }) => units).reduce((x, y) => x + y)).toBe(emissionOfDay(0n));
  expect(calendar.do(allocate('b', 1, [task('a', { weight: 3n }), task('b')]))).toEqual([]);
  expect(emissionOf(calendar.state, 'b', 1)).toMatchObject({ rewardEpoch: 0, units: event!.data.parts[1]!.units });
  calendar.do(allocate('a', 2, [task('a', { epoch: 2 }), task('b')]));
  expect(emissionOf(calendar.state, 'b', 2)).toMatchObject({ rewardEpoch: 1 });
  expect(calendar.do(allocate('c', 1, [task('a', { epoch: 2 }), task('b'), task('c')]))[0]!.data.parts).toMatchObject([{ taskId: 'c', units: emissionOfDay(2n) }]);
});

test('short epochs take their part of the day, and the calendar counts the seconds', () => {
  const calendar = new Stream(emissionDecider);
  for (let epoch = 1; epoch <= 3; epoch++) calendar.do(allocate('a', epoch, [task('a', { epoch, epochs: 9, epochSeconds: 43_200 }), task('slow', { weight: 5n, epochs: 9 })]));
  expect(calendar.events.map(({ data }) => [data.rewardEpoch, data.day, data.parts.length])).toEqual([[0, 0, 1], [1, 0, 1], [2, 1, 1]]);
  expect(calendar.events[0]!.data.totalUnits).toBe(emissionOfDay(0n) / 2n);
});

test('without stake nothing is minted; an unknown task gets nothing', () => {
  const calendar = new Stream(emissionDecider);
  expect(calendar.do(allocate('a', 1, [task('a', { weight: 0n })]))[0]!.data.parts).toMatchObject([{ units: 0n }]);
  expect(calendar.do(allocate('b', 1, []))).toEqual([]);
});

describe('what is over', () => {
  test('is forgotten with the next reward epoch: parts that a task has passed, and all of one that has left', () => {
    const calendar = new Stream(emissionDecider);
    calendar.do(allocate('a', 1, [task('a'), task('b')]));
    const [event] = calendar.do(allocate('c', 1, [task('a', { epoch: 2 }), task('c')], ['b', 'never seen']));
    expect(event!.data.reached).toEqual([{ taskId: 'a', epoch: 2 }, { taskId: 'b', epoch: 2 }]);
    expect([...calendar.state.tasks]).toMatchObject([['a', [{ epoch: 2, rewardEpoch: 1 }]], ['c', [{ epoch: 1, rewardEpoch: 1 }]]]);
  });

  test('is not given out again to whoever has stood still for long', () => {
    const calendar = new Stream(emissionDecider);
    calendar.do(allocate('a', 1, [task('a', { epochs: 3 })]));
    calendar.do(allocate('a', 2, [task('a', { epoch: 2, epochs: 3 })]));
    expect(calendar.do(allocate('a', 1, [task('a', { epoch: 2, epochs: 3 })]))).toEqual([]);
  });

  const forgetful = ({ type, data }: EmissionAllocated): EmissionAllocated => ({ type, data: { ...data, reached: [] } });
  const [TASKS, EPOCHS] = [['a', 'b', 'c', 'd'], 4];

  test('is missed by nobody: in whatever order tasks ask, what they get is what they got before anything was forgotten', () => {
    const steps = fc.array(fc.record({ index: fc.nat(TASKS.length - 1), what: fc.constantFrom('open', 'open', 'close', 'stale') }), { maxLength: 60 });
    fc.assert(fc.property(steps, (all) => {
      const calendar = new Stream(emissionDecider);
      const present = new Map(TASKS.map((taskId) => [taskId, 1]));
      const opened = new Set<string>();
      for (const { index, what } of all) {
        const taskId = TASKS[index]!;
        const epoch = present.get(taskId)!;
        if (what === 'close' && opened.has(`${taskId}/${epoch}`)) present.set(taskId, epoch + 1);
        if (what === 'close' || epoch > EPOCHS) continue;
        const candidates = TASKS.flatMap((id, at) => (present.get(id)! > EPOCHS ? [] : [task(id, { epoch: present.get(id)!, epochs: EPOCHS, weight: BigInt(at) })]));
        const over = TASKS.filter((id) => present.get(id)! > EPOCHS);
        const command = allocate(taskId, what === 'stale' ? epoch - 1 : epoch, candidates, over);
        const before = unwrap(emissionDecider.decide(command, fold(emissionDecider, calendar.events.map(forgetful))));
        expect(calendar.do(command).map(forgetful)).toEqual(before.map(forgetful));
        if (what === 'stale') continue;
        const part = calendar.events.flatMap(({ data }) => data.parts).find((one) => one.taskId === taskId && one.epoch === epoch);
        expect(emissionOf(calendar.state, taskId, epoch)).toMatchObject({ units: part!.units });
        opened.add(`${taskId}/${epoch}`);
      }
      const given = calendar.events.flatMap(({ data }) => data.parts.map((part) => `${part.taskId}/${part.epoch}`));
      expect(new Set(given).size).toBe(given.length);
    }));
  });
});

const stored = (state: EmissionState): string => JSON.stringify(encodePayload(emissionDecider.snapshot!.encode(state)));

describe('a calendar of many years', () => {
  /** Bytes of the state after each reward epoch, where twenty tasks of forty epochs train at any time and the next one begins where one ends. */
  function bytes(rewardEpochs: number): number[] {
    const training = Array.from({ length: 20 }, (_, index) => ({ taskId: `task-${index}`, epoch: 1 + 2 * index }));
    let [state, begun] = [emissionDecider.initialState(), training.length];
    return Array.from({ length: rewardEpochs }, () => {
      const candidates = training.map(({ taskId, epoch }) => task(taskId, { epoch, epochs: 40 }));
      const present = new Set(training.map(({ taskId }) => taskId));
      const over = [...state.tasks.keys()].filter((taskId) => !present.has(taskId));
      for (const { taskId, epoch } of training) state = fold(emissionDecider, unwrap(emissionDecider.decide(allocate(taskId, epoch, candidates, over), state)), state);
      for (const one of training) {
        one.epoch += 1;
        if (one.epoch > 40) [one.taskId, one.epoch] = [`task-${(begun += 1)}`, 1];
      }
      return stored(state).length;
    });
  }

  test('has a state no larger than that of some days', () => {
    const sizes = bytes(1_000);
    expect(Math.max(...sizes.slice(10))).toBeLessThan(sizes[9]! * 1.2);
  });

  /** As it was written before anything was forgotten. */
  const former = (length: number): EmissionAllocated[] => {
    const [first] = new Stream(emissionDecider).do(allocate('a', 1, [task('a')]));
    return Array.from({ length }, (_, rewardEpoch) => {
      const [taskId, epoch] = [`task-${rewardEpoch % 100}`, 1 + Math.floor(rewardEpoch / 100)];
      return { ...first!, data: { ...first!.data, rewardEpoch, parts: [{ taskId, epoch, weight: 1n, units: BigInt(rewardEpoch) }] } };
    });
  };

  test('is folded as quickly per event as one of a day', { timeout: 20_000 }, () => {
    const state = fold(emissionDecider, former(20_000));
    expect([emissionOf(state, 'task-7', 200), emissionOf(state, 'task-0', 1), emissionOf(state, 'task-0', 201)]).toMatchObject([{ rewardEpoch: 19_907, units: 19_907n }, { rewardEpoch: 0 }, undefined]);
    const next = allocate('task-7', 201, [task('task-7', { epoch: 201, epochs: 300 })]);
    expect(emissionDecider.decide(next, state)).toMatchObject({ ok: true, value: [{ data: { rewardEpoch: 20_000, parts: [{ epoch: 201 }] } }] });
  });

  test('that was never forgotten anything of loses it by and by, in events of limited size', () => {
    let state = fold(emissionDecider, former(5_000));
    for (let epoch = 51; epoch < 60; epoch++) {
      const over = [...state.tasks.keys()].filter((taskId) => taskId !== 'task-7').slice(0, 20);
      const events = unwrap(emissionDecider.decide(allocate('task-7', epoch, [task('task-7', { epoch, epochs: 300 })], over), state));
      expect(events[0]!.data.reached.length).toBeLessThanOrEqual(100);
      state = fold(emissionDecider, events, state);
    }
    expect([...state.tasks]).toMatchObject([['task-7', [{ epoch: 59 }]]]);
  });

  test('goes on from what was kept of it', () => {
    const state = fold(emissionDecider, former(500));
    const kept = emissionDecider.snapshot!.decode(decodePayload(JSON.parse(stored(state))));
    expect([kept, stored(kept)]).toEqual([state, stored(state)]);
  });
});
