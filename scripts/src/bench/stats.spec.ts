import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { median, percentile, ratioOf, spreadOf } from './stats.js';

describe('median', () => {
  test.each([
    [[3], 3],
    [[9, 1, 5], 5],
    [[4, 1, 3, 2], 2.5],
  ])('of %j is %d', (values, expected) => expect(median(values)).toBe(expected));

  test('has as many values below as above and leaves its input alone', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), (values) => {
        const before = [...values];
        const middle = median(values);
        expect(values.filter((value) => value < middle).length).toBeLessThanOrEqual(values.length / 2);
        expect(values.filter((value) => value > middle).length).toBeLessThanOrEqual(values.length / 2);
        expect(values).toEqual(before);
      }),
    );
  });

  test('of nothing is an error', () => expect(() => median([])).toThrow('no measurements'));
});

test('percentiles are values that were measured', () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect([0, 0.5, 0.99, 1].map((share) => percentile(values, share))).toEqual([1, 50, 99, 100]);
  expect(percentile([7], 0.99)).toBe(7);
  expect(() => percentile([], 0.5)).toThrow('no measurements');
});

test('a spread keeps three digits', () => {
  expect(spreadOf([1.23456, 9, 4567.8])).toEqual({ median: 9, min: 1.23, max: 4568, runs: 3 });
});

describe('ratios', () => {
  test('are taken run by run, so that a slow moment of the machine cancels out', () => {
    expect(ratioOf([300, 30, 600], [100, 10, 200])).toEqual({ median: 3, min: 3, max: 3, runs: 3 });
  });

  test('need pairs', () => expect(() => ratioOf([1], [])).toThrow('pairs'));
});
