import { DeterministicRandom } from '@skein/kernel';
import { expect, test } from 'vitest';
import { predict, standardisation, trainNetwork, type TrainingRows } from './network.js';

const random = (seed: number) => new DeterministicRandom(new Uint8Array(32).fill(seed));
const rowsOf = (points: readonly (readonly [number, number, number])[]): TrainingRows => ({ rows: points.length, width: 2, features: points.flatMap(([a, b]) => [a, b]), labels: points.map(([, , label]) => label) });
const right = (rows: TrainingRows, probabilities: Float64Array): number => probabilities.filter((p, row) => (p > 0.5 ? 1 : 0) === rows.labels[row]).length;

const line = rowsOf(Array.from({ length: 40 }, (_, at) => [at, (at * 7) % 11, at > 19 ? 1 : 0] as const));
const corners = rowsOf(Array.from({ length: 40 }, (_, at) => [at & 1, (at >> 1) & 1, (at & 1) ^ ((at >> 1) & 1)] as const));

test('a logistic regression separates what a line separates', () => {
  const network = trainNetwork(line, { hidden: [], epochs: 400, learningRate: 0.5, l2: 0, random: random(1) });
  expect(right(line, predict(network, line))).toBe(40);
});

test('one hidden layer learns exclusive or, which a logistic regression cannot', () => {
  const deep = trainNetwork(corners, { hidden: [8], epochs: 600, learningRate: 0.3, l2: 0, random: random(3) });
  const flat = trainNetwork(corners, { hidden: [], epochs: 600, learningRate: 0.3, l2: 0, random: random(3) });
  expect(right(corners, predict(deep, corners))).toBe(40);
  expect(right(corners, predict(flat, corners))).toBeLessThan(40);
});

test('the same seed trains the same network bit for bit', () => {
  const plan = () => ({ hidden: [4], epochs: 20, learningRate: 0.1, l2: 1e-3, random: random(5) });
  expect(trainNetwork(line, plan())).toEqual(trainNetwork(line, plan()));
});

test('a constant column is left at zero instead of dividing by nothing', () => {
  const flat = rowsOf([[3, 1, 0], [3, 2, 1]]);
  expect([...standardisation(flat).deviation]).toEqual([1, 0.5]);
  expect([...predict(trainNetwork(flat, { hidden: [], epochs: 5, learningRate: 0.1, l2: 0, random: random(1) }), flat)].every(Number.isFinite)).toBe(true);
});

test('a label that is no class is refused by row', () => {
  expect(() => trainNetwork(rowsOf([[1, 2, 2]]), { hidden: [], epochs: 1, learningRate: 0.1, l2: 0, random: random(1) })).toThrow('row 0: the label must be 0 or 1, not 2');
});
