import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chargeMax, complexity, nextMultiplier, ONE, unitPriceE15 } from './price.policy.js';

test.each([
  [200n, 1_125_000n],
  [150n, 1_062_500n],
  [100n, 1_000_000n],
  [50n, 937_500n],
  [0n, 875_000n],
])('the vectors of marketplace.md: %d calls on a target of 100 make the multiplier %d', (used, expected) => {
  expect(nextMultiplier(ONE, used, 100n)).toBe(expected);
});

test('within 5 % of the target nothing moves', () => {
  expect([95n, 105n].map((used) => nextMultiplier(ONE, used, 100n))).toEqual([ONE, ONE]);
  expect([94n, 106n].map((used) => nextMultiplier(ONE, used, 100n))).toEqual([992_500n, 1_007_500n]);
});

test('a step is at most an eighth, rounds down, and the multiplier stays between a quarter and sixteen', () => {
  expect(nextMultiplier(ONE, 1_000_000n, 100n)).toBe(1_125_000n);
  expect(nextMultiplier(333_333n, 0n, 7n)).toBe(291_666n);
  expect(nextMultiplier(250_001n, 0n, 100n)).toBe(250_000n);
  expect(nextMultiplier(15_900_000n, 200n, 100n)).toBe(16_000_000n);
});

test('whatever the use, the multiplier stays in its bounds and moves with demand', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 250_000n, max: 16_000_000n }), fc.bigInt({ min: 0n, max: 10n ** 6n }), fc.bigInt({ min: 1n, max: 10n ** 5n }), (multiplier, used, target) => {
      const next = nextMultiplier(multiplier, used, target);
      expect(next >= 250_000n && next <= 16_000_000n).toBe(true);
      expect(next * 8n <= multiplier * 9n && (next * 8n >= multiplier * 7n - 8n)).toBe(true);
      if (used > target) expect(next >= multiplier).toBe(true);
      if (used < target) expect(next <= multiplier).toBe(true);
    }),
  );
});

test('complexity weighs MACs, CPU time and bytes; the price adds a floor', () => {
  const units = complexity({ macs: 137, cpuUs: 12, bytes: 36 });
  expect(units).toBe(137n + 12_000n + 360n);
  expect(unitPriceE15({ floorE15: 1_000n, rateE15: 10n }, units, 1_125_000n)).toBe(1_000n + 140_591n);
  expect(() => complexity({ macs: -1, cpuUs: 0, bytes: 0 })).toThrow('measures');
});

test('a reservation covers the price and one unit of carried rounding', () => {
  expect(chargeMax(3, 1_001_000_000n)).toBe(3_004n);
  expect(chargeMax(1, 0n)).toBe(1n);
});
