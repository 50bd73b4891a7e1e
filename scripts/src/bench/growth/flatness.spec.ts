import { expect, test } from 'vitest';
import { flatnessOf } from './flatness.js';

const size = (events: number, appendsPerSecond: number, commandMs: number, memoryMiB = 100) => ({ events, appendsPerSecond, commandMs, memoryMiB });

test('the worst size against the first decides', () => {
  expect(flatnessOf([size(10, 1_000, 2), size(100, 900, 2.2), size(1_000, 950, 1.9, 110)])).toEqual({ appendsLost: 0.1, commandsSlower: 0.1, memoryGrown: 0.1, goal: 0.2, flat: true });
  expect(flatnessOf([size(10, 1_000, 2), size(100, 790, 2)])).toMatchObject({ appendsLost: 0.21, flat: false });
  expect(flatnessOf([size(10, 1_000, 2), size(100, 1_000, 2.5)])).toMatchObject({ commandsSlower: 0.25, flat: false });
  expect(flatnessOf([size(10, 1_000, 2), size(100, 1_000, 2, 130)])).toMatchObject({ memoryGrown: 0.3, flat: false });
});

test('a larger store that does better is flat', () => {
  expect(flatnessOf([size(10, 1_000, 2), size(100, 1_500, 1)])).toMatchObject({ appendsLost: -0.5, commandsSlower: -0.5, flat: true });
});

test('one size alone says nothing', () => expect(() => flatnessOf([size(10, 1, 1)])).toThrow('nothing to compare'));
