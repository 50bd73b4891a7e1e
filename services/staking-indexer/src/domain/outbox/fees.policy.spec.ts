import fc from 'fast-check';
import { expect, test } from 'vitest';
import { firstFees, replacementFees, replaces } from './fees.policy.js';

test('a replacement pays an eighth more on both fees, and more than nothing', () => {
  expect(replacementFees({ feeMax: 100n, tipMax: 0n }, { feeMax: 0n, tipMax: 0n })).toEqual({ feeMax: 113n, tipMax: 1n });
  expect(replacementFees({ feeMax: 100n, tipMax: 10n }, { feeMax: 500n, tipMax: 2n })).toEqual({ feeMax: 500n, tipMax: 12n });
  expect(firstFees(10n, 3n)).toEqual({ feeMax: 23n, tipMax: 3n });
});

test('what is proposed as a replacement is one, and by the 10 % that nodes ask for', () => {
  const wei = fc.bigInt(0n, 10n ** 12n);
  const fees = fc.record({ tipMax: wei, more: wei }).map(({ tipMax, more }) => ({ tipMax, feeMax: tipMax + more }));
  fc.assert(
    fc.property(fees, fees, (before, now) => {
      const next = replacementFees(before, now);
      expect(replaces(next, before)).toBe(true);
      expect(replaces(before, next)).toBe(false);
      expect([next.feeMax * 10n >= before.feeMax * 11n, next.tipMax * 10n >= before.tipMax * 11n, next.feeMax > before.feeMax]).toEqual([true, true, true]);
      expect(next.feeMax >= next.tipMax).toBe(true);
    }),
  );
});
