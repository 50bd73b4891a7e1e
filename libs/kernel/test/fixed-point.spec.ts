import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FP_ONE, fpDiv, fpExp, fpLn, fpMul, fpPow, fpRatio, fpSqrt, isqrt, toNano } from '../src/index.js';

interface Reference {
  readonly exp: [string, string][];
  readonly ln: [string, string][];
  readonly sqrt: [string, string][];
  readonly pow: [string, string, string][];
}
const reference = JSON.parse(readFileSync(new URL('./fixed-point.reference.json', import.meta.url), 'utf8')) as Reference;

// The promise is 1e-16, that is 100 units of the last place; above 10^20 the references are met relatively.
const LIMIT_UNITS = 1n;
function expectClose(actual: bigint, expected: string): void {
  const want = BigInt(expected);
  const distance = actual > want ? actual - want : want - actual;
  expect(distance <= LIMIT_UNITS + want / 10n ** 36n, `${actual} is ${distance} units from ${want}`).toBe(true);
}

describe('against 120-digit references', () => {
  test.each(reference.exp)('exp %s', (x, want) => expectClose(fpExp(BigInt(x)), want));
  test.each(reference.ln)('ln %s', (x, want) => expectClose(fpLn(BigInt(x)), want));
  test.each(reference.sqrt)('sqrt %s', (x, want) => expectClose(fpSqrt(BigInt(x)), want));
  test.each(reference.pow)('pow %s ^ %s', (x, y, want) => expectClose(fpPow(BigInt(x), BigInt(y)), want));
});

const positive = fc.bigInt({ min: 1n, max: 10n ** 30n });

test('exp grows with its argument and undoes ln', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -40n * FP_ONE, max: 40n * FP_ONE }), fc.bigInt({ min: 0n, max: FP_ONE }), (x, step) => {
      expect(fpExp(x + step) >= fpExp(x)).toBe(true);
    }),
  );
  fc.assert(
    fc.property(positive, (x) => {
      const back = fpExp(fpLn(x));
      const distance = back > x ? back - x : x - back;
      expect(distance <= x / 10n ** 18n + 1n).toBe(true);
    }),
  );
});

test('the integer root is the floor, the fixed-point root the nearest', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 60n }), (n) => {
      const root = isqrt(n);
      expect(root * root <= n && (root + 1n) * (root + 1n) > n).toBe(true);
    }),
  );
  expect(fpSqrt(2n * FP_ONE)).toBe(1_414_213_562_373_095_049n);
});

test('products and quotients round to the nearest', () => {
  expect(fpRatio(2n, 3n)).toBe(666_666_666_666_666_667n);
  expect(fpRatio(-2n, 3n)).toBe(-666_666_666_666_666_667n);
  expect(fpMul(fpRatio(1n, 3n), 3n * FP_ONE)).toBe(999_999_999_999_999_999n);
  expect(fpDiv(FP_ONE, 3n * FP_ONE)).toBe(333_333_333_333_333_333n);
});

test('powers of zero and of nothing', () => {
  expect(fpPow(0n, FP_ONE)).toBe(0n);
  expect(fpPow(0n, 0n)).toBe(FP_ONE);
  expect(fpPow(5n, 0n)).toBe(FP_ONE);
  expect(() => fpPow(0n, -1n)).toThrow('zero');
  expect(() => fpLn(0n)).toThrow('positive');
});

describe('toNano', () => {
  test.each([
    [0, 0n],
    [-0, 0n],
    [1, 1_000_000_000n],
    [0.1, 100_000_000n],
    [-0.731182795698925, -731_182_796n],
    [2 ** -10, 976_562n], // 976562.5 exactly: to even
    [3 * 2 ** -10, 2_929_688n], // 2929687.5 exactly: to even
    [-(2 ** -10), -976_562n],
    [1e-300, 0n],
    [9_000_000_000, 9_000_000_000_000_000_000n],
  ])('%d', (score, nano) => {
    expect(toNano(score)).toBe(nano);
  });
  test.each([NaN, Infinity, -Infinity, 1e10])('%d is no score', (score) => {
    expect(() => toNano(score)).toThrow('score');
  });
  test('is within half a nano-unit and odd', () => {
    fc.assert(
      fc.property(fc.double({ min: -1000, max: 1000, noNaN: true }), (score) => {
        expect(toNano(-score)).toBe(-toNano(score));
        expect(Math.abs(Number(toNano(score)) - score * 1e9)).toBeLessThanOrEqual(0.5 + 1e-3);
      }),
    );
  });
});
