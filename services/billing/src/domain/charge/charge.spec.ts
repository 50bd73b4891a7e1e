import fc from 'fast-check';
import { expect, test } from 'vitest';
import { charge, chargeMax, costUnits, emptyAggregate, roundHalfEven } from './rate-aggregate.policy.js';
import { splitCharge } from './split.policy.js';

const share = (partClass: string, bps: number) => ({ class: partClass, payee: `payee-${partClass}`, bps });

test('the golden call: 1001 gross, 300 compute, 70 platform, 631 to the contributors', () => {
  const split = splitCharge({ gross: 1001n, computeCost: 300n, platformBps: 1000, shares: [share('developer', 10_000)], transferId: 't' });
  expect(split).toEqual({ compute: 300n, platform: 70n, contributors: 631n, parts: [631n] });
});

test('the golden split: 1001 over 4500/2500/2000/1000', () => {
  const shares = [share('a', 4500), share('b', 2500), share('c', 2000), share('d', 1000)];
  const split = splitCharge({ gross: 1001n, computeCost: 0n, platformBps: 0, shares, transferId: 't' });
  expect(split.parts).toEqual([451n, 250n, 200n, 100n]);
});

test('ties turn with the transfer: over many calls no equal payee is favoured', () => {
  const shares = [share('a', 5000), share('b', 5000)];
  const won = [0, 0];
  for (let call = 0; call < 200; call += 1) {
    const { parts } = splitCharge({ gross: 1n, computeCost: 0n, platformBps: 0, shares, transferId: `call-${call}` });
    won[parts[0] === 1n ? 0 : 1]! += 1;
  }
  expect(Math.min(...won)).toBeGreaterThan(70);
});

const anyShares = fc
  .array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 9 })
  .map((weights) => {
    const given = weights.map((weight) => Math.floor((weight * 10_000) / weights.reduce((a, b) => a + b)));
    given[0]! += 10_000 - given.reduce((a, b) => a + b);
    return given.filter((bps) => bps > 0).map((bps, index) => share(`class-${index}`, bps));
  });

test('every split sums exactly to the gross and takes nothing below zero', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 15n }), fc.bigInt({ min: 0n, max: 10n ** 15n }), fc.integer({ min: 0, max: 10_000 }), anyShares, fc.uuid(), (gross, computeCost, platformBps, shares, transferId) => {
      const split = splitCharge({ gross, computeCost, platformBps, shares, transferId });
      const parts = split.parts.reduce((a, b) => a + b, 0n);
      expect(split.compute + split.platform + parts).toBe(gross);
      expect(parts).toBe(split.contributors);
      expect([split.compute, split.platform, ...split.parts].every((amount) => amount >= 0n)).toBe(true);
      expect(split.compute <= computeCost).toBe(true);
    }),
  );
});

test('half a unit goes to the even neighbour', () => {
  expect([1n, 3n, 5n, 7n].map((halves) => roundHalfEven(halves, 2n))).toEqual([0n, 2n, 2n, 4n]);
  expect(roundHalfEven(2_499_999n, 1_000_000n)).toBe(2n);
  expect(costUnits(1_999_999n)).toBe(1n);
});

test('the charges of any calls sum to the exact price rounded once, and none exceeds what was reserved for it', () => {
  fc.assert(
    fc.property(fc.array(fc.bigInt({ min: 0n, max: 10n ** 12n }), { maxLength: 40 }), (prices) => {
      let aggregate = emptyAggregate;
      let charged = 0n;
      for (const price of prices) {
        const next = charge(aggregate, price);
        expect(next.amount >= 0n && next.amount <= chargeMax(price)).toBe(true);
        aggregate = next.aggregate;
        charged += next.amount;
      }
      expect(charged).toBe(roundHalfEven(prices.reduce((a, b) => a + b, 0n), 1_000_000n));
    }),
  );
});

test('the same uses in any order are charged the same in all', () => {
  fc.assert(
    fc.property(fc.array(fc.bigInt({ min: 0n, max: 10n ** 9n }), { maxLength: 20 }), (prices) => {
      const total = (list: bigint[]) => list.reduce((aggregate, price) => charge(aggregate, price).aggregate, emptyAggregate).charged;
      expect(total([...prices].reverse())).toBe(total(prices));
    }),
  );
});
