import { sum } from '@skein/kernel';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stakingGolden, units } from '../../../test/golden.js';
import { EMISSION_TOTAL_UNITS, divideAmongTasks, emissionOfDay, emissionOfEpoch } from './emission.policy.js';
import { fundedByEpochs, vested } from './vesting.policy.js';

test.each(Object.entries(stakingGolden.emission.perDay))('a day of period %s mints %s', (period, amount) => {
  expect(emissionOfDay(BigInt(period) * 30n)).toBe(units(amount));
});

test('1 800 days mint exactly the total, the last day the rest, nothing after', () => {
  expect(sum(Array.from({ length: 1800 }, (_, day) => emissionOfDay(BigInt(day))))).toBe(EMISSION_TOTAL_UNITS);
  expect(emissionOfDay(1799n) - emissionOfDay(1798n)).toBe(BigInt(stakingGolden.emission.lastDayExtraWei));
  expect(emissionOfDay(1800n)).toBe(0n);
});

test('an epoch of seconds pays its part of the day it starts in, floored', () => {
  expect(emissionOfEpoch(0n, 86_400n)).toBe(emissionOfDay(0n));
  expect(emissionOfEpoch(0n, 60n)).toBe((emissionOfDay(0n) * 60n) / 86_400n);
  expect(emissionOfEpoch(86_400n * 30n, 86_400n)).toBe(emissionOfDay(30n));
  expect(emissionOfEpoch(86_400n * 30n - 1n, 60n)).toBe((emissionOfDay(29n) * 60n) / 86_400n);
});

test('tasks share the pot by weight, exactly', () => {
  fc.assert(
    fc.property(fc.array(fc.bigInt({ min: 0n, max: 10n ** 26n }), { minLength: 1, maxLength: 8 }), (weights) => {
      const parts = divideAmongTasks(emissionOfDay(0n), weights);
      expect(sum(parts)).toBe(sum(weights) === 0n ? 0n : emissionOfDay(0n));
    }),
  );
});

const DAY_MS = 86_400_000;
test.each(stakingGolden.vesting)('$amount over $days d: $vested after $elapsedDays d', ({ amount, days, elapsedDays, vested: want }) => {
  expect(vested(units(amount), elapsedDays * DAY_MS, days * DAY_MS)).toBe(units(want));
});

test('vesting never falls, starts at nothing and ends at all of it', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 27n }), fc.nat(10_000), fc.nat(10_000), fc.nat(10_000), (amount, duration, at, later) => {
      expect(vested(amount, -1, duration)).toBe(0n);
      expect(vested(amount, duration, duration)).toBe(amount);
      expect(vested(amount, at + later, duration) >= vested(amount, at, duration)).toBe(true);
    }),
  );
});

test('delegators are funded in equal parts per epoch', () => {
  expect([0, 1, 2, 3, 4].map((epochs) => fundedByEpochs(90n, epochs * 10, 30, 10))).toEqual([0n, 30n, 60n, 90n, 90n]);
  expect(fundedByEpochs(90n, 0, 0, 10)).toBe(90n);
});
