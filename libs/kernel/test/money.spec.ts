import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatUnits, largestRemainder, mulDiv, parseUnits, sum } from '../src/index.js';

// golden/arena.json, "largestRemainder"
test.each([
  ['100', [1, 1, 1], ['34', '33', '33']],
  ['10', [3, 3, 3, 1], ['3', '3', '3', '1']],
  ['1000000007', [46, 30, 24], ['460000003', '300000002', '240000002']],
  [
    '1000000000000000000',
    [1, 1, 1, 1, 1, 1, 1],
    ['142857142857142858', ...Array.from({ length: 6 }, () => '142857142857142857')],
  ],
])('golden split of %s by %j', (pool, weights, parts) => {
  expect(largestRemainder(BigInt(pool), weights.map(BigInt)).map(String)).toEqual(parts);
});

const amount = fc.bigInt({ min: 0n, max: 10n ** 27n });
const weights = fc
  .array(fc.bigInt({ min: 0n, max: 10n ** 24n }), { minLength: 1, maxLength: 12 })
  .filter((list) => list.some((weight) => weight > 0n));

test('the parts sum exactly and each is within one unit of its share', () => {
  fc.assert(
    fc.property(amount, weights, fc.oneof(fc.integer(), fc.string()), (total, list, rotate) => {
      const parts = largestRemainder(total, list, rotate);
      expect(sum(parts)).toBe(total);
      const whole = sum(list);
      parts.forEach((part, index) => {
        const floor = (total * list[index]!) / whole;
        expect(part === floor || part === floor + 1n).toBe(true);
        if (list[index] === 0n) expect(part).toBe(0n);
      });
    }),
  );
});

test('a larger weight never gets less than a smaller one', () => {
  fc.assert(
    fc.property(amount, weights, (total, list) => {
      const sorted = [...list].sort((a, b) => (a > b ? -1 : a < b ? 1 : 0));
      const parts = largestRemainder(total, sorted);
      for (let i = 1; i < parts.length; i++) expect(parts[i - 1]! >= parts[i]!).toBe(true);
    }),
  );
});

test('a rotation moves the extra unit, an id moves it always to the same place', () => {
  expect(largestRemainder(100n, [1n, 1n, 1n], 1)).toEqual([33n, 34n, 33n]);
  expect(largestRemainder(100n, [1n, 1n, 1n], -1)).toEqual([33n, 33n, 34n]);
  const byId = largestRemainder(100n, [1n, 1n, 1n], 'tasks/1');
  expect(largestRemainder(100n, [1n, 1n, 1n], 'tasks/1')).toEqual(byId);
});

test('nothing to split needs no recipient; something does', () => {
  expect(largestRemainder(0n, [])).toEqual([]);
  expect(largestRemainder(0n, [0n, 0n])).toEqual([0n, 0n]);
  expect(() => largestRemainder(1n, [])).toThrow('at least one positive weight');
  expect(() => largestRemainder(1n, [0n])).toThrow('at least one positive weight');
  expect(() => largestRemainder(-1n, [1n])).toThrow('non-negative');
  expect(() => largestRemainder(1n, [2n, -1n])).toThrow('negative');
});

test('units and decimal text', () => {
  expect(parseUnits('309157.675932627700866861')).toBe(309_157_675_932_627_700_866_861n);
  expect(formatUnits(948_700_000_000_000_000_000n)).toBe('948.7');
  expect(formatUnits(-1n)).toBe('-0.000000000000000001');
  expect(() => parseUnits('0.1234567890123456789')).toThrow('at most 18');
  expect(() => parseUnits('1e5')).toThrow('decimal number');
  fc.assert(
    fc.property(fc.bigInt(), fc.integer({ min: 0, max: 30 }), (units, decimals) => {
      expect(parseUnits(formatUnits(units, decimals), decimals)).toBe(units);
    }),
  );
});

test('mulDiv floors', () => {
  expect(mulDiv(10n, 2n, 3n)).toBe(6n);
  expect(() => mulDiv(1n, 1n, 0n)).toThrow('divisor');
});
