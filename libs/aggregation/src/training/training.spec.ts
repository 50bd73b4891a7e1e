import { expect, test } from 'vitest';
import { batchesOf } from './batches.js';
import { holdOut } from './hold-out.js';
import { logisticProbabilities, trainLogistic } from './logistic.js';
import { publicRowsFor, verdict } from './vote.js';

const PLAN = { epochs: 2, batch: 16, learningRate: 0.1, l2: 1e-4, seed: 'seed' };

test('every epoch takes every row once, in batches of the size, in an order of its own', () => {
  const batches = batchesOf(40, PLAN);
  expect(batches.map(({ length }) => length)).toEqual([16, 16, 8, 16, 16, 8]);
  const epochs = [batches.slice(0, 3).flat(), batches.slice(3).flat()];
  for (const rows of epochs) expect(rows.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, row) => row));
  expect(epochs[0]).not.toEqual(epochs[1]);
});

test('the order follows from the seed alone', () => {
  expect(batchesOf(40, PLAN)).toEqual(batchesOf(40, PLAN));
  expect(batchesOf(40, { ...PLAN, seed: 'other' })).not.toEqual(batchesOf(40, PLAN));
});

test('one step by hand: gradient of the mean cross entropy, L2 on the coefficient and not on the bias', () => {
  const data = { rows: 1, width: 1, features: Float32Array.of(2), labels: Float32Array.of(1) };
  const { weights, steps } = trainLogistic(Float64Array.of(0.5, 0.25), data, { ...PLAN, epochs: 1, batch: 1 });
  const error = 1 / (1 + Math.exp(-1.25)) - 1;
  expect(steps).toBe(1);
  expect(weights[0]).toBeCloseTo(0.5 - 0.1 * (error * 2 + 1e-4 * 0.5), 15);
  expect(weights[1]).toBeCloseTo(0.25 - 0.1 * error, 15);
});

test('it learns what a line separates and leaves the start untouched', () => {
  const features = Float32Array.from({ length: 60 }, (_, i) => (i - 30) / 10);
  const data = { rows: 60, width: 1, features, labels: Float32Array.from(features, (x) => (x > 0 ? 1 : 0)) };
  const start = new Float64Array(2);
  const { weights } = trainLogistic(start, data, { ...PLAN, epochs: 50 });
  const hits = logisticProbabilities(weights, data).filter((p, row) => (p >= 0.5 ? 1 : 0) === data.labels[row]);
  expect(hits.length).toBeGreaterThanOrEqual(58);
  expect([...start]).toEqual([0, 0]);
});

test('a fifth of every label is held out', () => {
  const labels = Float32Array.from({ length: 30 }, (_, i) => (i < 20 ? 0 : 1));
  const { train, heldOut } = holdOut({ columns: ['x'], rows: 30, features: Float32Array.from(labels, (_, i) => i), labels });
  expect([train.rows, heldOut.rows]).toEqual([24, 6]);
  expect([...heldOut.features]).toEqual([16, 17, 18, 19, 28, 29]);
});

test('a class with fewer than five held-out rows is judged on public rows too', () => {
  const publicLabels = [0, 1, 0, 1];
  expect(publicRowsFor([0, 0, 0, 0, 0, 1, 1, 1, 1, 1], publicLabels)).toEqual([]);
  expect(publicRowsFor([0, 0, 0, 0, 0, 1, 1, 1, 1], publicLabels)).toEqual([1, 3]);
  expect(publicRowsFor([], publicLabels)).toEqual([0, 1, 2, 3]);
});

test('a vote is +1 up to the tolerance and -1 beyond, also for a loss that is no number', () => {
  expect([verdict(1, 1.05, 0.05), verdict(1, 1.0500001, 0.05), verdict(1, 0.2, 0.05), verdict(1, Number.NaN, 0.05)]).toEqual([1, -1, 1, -1]);
});
