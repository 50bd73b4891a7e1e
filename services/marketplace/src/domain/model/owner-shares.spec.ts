import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ownerShares } from './owner-shares.policy.js';

const of = (payee: string, weight: bigint) => ({ payee, weight });
const nobody = { data: [], validators: [], parents: [] };

test('all four classes get 50, 20, 10 and 20 %', () => {
  const shares = ownerShares({ developer: 'd', data: [of('h1', 3n), of('h2', 1n)], validators: [of('v', 9n)], parents: [of('p', 1n)] });
  expect(shares).toEqual([
    { class: 'developer', payee: 'd', bps: 5000 },
    { class: 'data', payee: 'h1', bps: 1500 },
    { class: 'data', payee: 'h2', bps: 500 },
    { class: 'validators', payee: 'v', bps: 1000 },
    { class: 'parents', payee: 'p', bps: 2000 },
  ]);
});

test('an absent class goes pro rata to those present', () => {
  const shares = ownerShares({ ...nobody, developer: 'd', data: [of('h', 1n)], validators: [of('v', 1n)] });
  expect(shares.map(({ bps }) => bps)).toEqual([6250, 2500, 1250]);
  expect(ownerShares({ ...nobody, developer: 'd' })).toEqual([{ class: 'developer', payee: 'd', bps: 10_000 }]);
});

test('the same payee twice in a class is one share; in two classes two', () => {
  const shares = ownerShares({ ...nobody, developer: 'd', data: [of('d', 1n), of('d', 2n)] });
  expect(shares).toEqual([
    { class: 'developer', payee: 'd', bps: 7143 },
    { class: 'data', payee: 'd', bps: 2857 },
  ]);
});

test('a payee whose weight is nothing has no share', () => {
  expect(ownerShares({ ...nobody, developer: 'd', data: [of('h', 0n)] })).toHaveLength(1);
});

test('shares always sum to 10 000 and do not depend on the order of the members', () => {
  const weighted = fc.array(fc.record({ payee: fc.constantFrom('a', 'b', 'c', 'e', 'f'), weight: fc.bigInt({ min: 0n, max: 10n ** 24n }) }), { maxLength: 8 });
  fc.assert(
    fc.property(weighted, weighted, weighted, (data, validators, parents) => {
      const shares = ownerShares({ developer: 'd', data, validators, parents });
      expect(shares.reduce((sum, { bps }) => sum + bps, 0)).toBe(10_000);
      expect(shares.every(({ bps }) => bps > 0)).toBe(true);
      expect(ownerShares({ developer: 'd', data: [...data].reverse(), validators: [...validators].reverse(), parents })).toEqual(shares);
    }),
  );
});
