import { fold } from '@skein/kernel';
import { expect, test } from 'vitest';
import { NOW, Stream } from '../../../test/domain.fixtures.js';
import { emissionOfDay } from '../reward/emission.policy.js';
import { type EmissionAllocated, type EmissionCandidate, type EmissionCommand, emissionDecider, emissionOf } from './emission.decider.js';

const task = (taskId: string, weight = 1n, epochs = 2, epochSeconds = 86_400): EmissionCandidate => ({ taskId, epochs, epochSeconds, weight });
const allocate = (taskId: string, epoch: number, candidates: EmissionCandidate[]): EmissionCommand => ({ kind: 'allocate', taskId, epoch, candidates, nowMs: NOW });

test('each reward epoch is given out once, to all tasks in training by weight', () => {
  const calendar = new Stream(emissionDecider);
  const [event] = calendar.do(allocate('a', 1, [task('a', 3n), task('b', 1n)]));
  expect(event!.data).toMatchObject({ rewardEpoch: 0, day: 0, totalUnits: emissionOfDay(0n) });
  expect(event!.data.parts.map(({ units }) => units).reduce((x, y) => x + y)).toBe(emissionOfDay(0n));
  expect(calendar.do(allocate('b', 1, [task('a', 3n), task('b', 1n)]))).toEqual([]);
  expect(emissionOf(calendar.state, 'b', 1)).toMatchObject({ rewardEpoch: 0, units: event!.data.parts[1]!.units });
  calendar.do(allocate('a', 2, [task('a'), task('b')]));
  expect(emissionOf(calendar.state, 'b', 2)).toMatchObject({ rewardEpoch: 1 });
  expect(calendar.do(allocate('c', 1, [task('a'), task('b'), task('c')]))[0]!.data.parts).toMatchObject([{ taskId: 'c', units: emissionOfDay(2n) }]);
});

test('short epochs take their part of the day, and the calendar counts the seconds', () => {
  const calendar = new Stream(emissionDecider);
  for (let epoch = 1; epoch <= 3; epoch++) calendar.do(allocate('a', epoch, [task('a', 1n, 9, 43_200), task('slow', 5n, 9, 86_400)]));
  expect(calendar.events.map(({ data }) => [data.rewardEpoch, data.day, data.parts.length])).toEqual([[0, 0, 1], [1, 0, 1], [2, 1, 1]]);
  expect(calendar.events[0]!.data.totalUnits).toBe(emissionOfDay(0n) / 2n);
});

test('without stake nothing is minted; an unknown task gets nothing', () => {
  const calendar = new Stream(emissionDecider);
  expect(calendar.do(allocate('a', 1, [task('a', 0n)]))[0]!.data.parts).toMatchObject([{ units: 0n }]);
  expect(calendar.do(allocate('b', 1, []))).toEqual([]);
});

test('a calendar of many years is folded as quickly per event as one of a day', { timeout: 20_000 }, () => {
  const [first] = new Stream(emissionDecider).do(allocate('a', 1, [task('a')]));
  const years: EmissionAllocated[] = Array.from({ length: 20_000 }, (_, rewardEpoch) => {
    const [taskId, epoch] = [`task-${rewardEpoch % 100}`, 1 + Math.floor(rewardEpoch / 100)];
    return { ...first!, data: { ...first!.data, rewardEpoch, parts: [{ taskId, epoch, weight: 1n, units: BigInt(rewardEpoch) }] } };
  });
  const state = fold(emissionDecider, years);
  expect([emissionOf(state, 'task-7', 200), emissionOf(state, 'task-0', 1), emissionOf(state, 'task-0', 201)]).toMatchObject([{ rewardEpoch: 19_907, units: 19_907n }, { rewardEpoch: 0 }, undefined]);
  expect(emissionDecider.decide(allocate('task-7', 201, [task('task-7', 1n, 300)]), state)).toMatchObject({ ok: true, value: [{ data: { rewardEpoch: 20_000, parts: [{ epoch: 201 }] } }] });
});
