import fc from 'fast-check';
import { expect, test } from 'vitest';
import { countedPrincipal, epochAt, lentStake } from './delegation.policy.js';
import { countedStake } from './staker.policy.js';

const SCALE = 10n ** 27n;

test('epochs are counted from their genesis, and there is none before', () => {
  const epochs = { genesisMs: 1_000, epochMs: 60 };
  expect([0, 999, 1_000, 1_059, 1_060, 1_179, 1_180].map((timeMs) => epochAt(epochs, timeMs))).toEqual([0, 0, 0, 0, 1, 2, 3]);
});

test('shares are worth what slashes have left of them, floored', () => {
  const waiting = [{ epoch: 2, sharesIn: 10n, sharesOut: 3n }];
  expect(countedPrincipal({ countedShares: 1_001n, principalIndex: SCALE / 2n, waiting: [] }, 9)).toBe(500n);
  expect([4, 5].map((epoch) => countedPrincipal({ countedShares: 100n, principalIndex: SCALE, waiting }, epoch))).toEqual([100n, 107n]);
});

test('over all stakes of its owner a pool lends no more than it has, and all but less than a unit for each', () => {
  const units = fc.bigInt({ min: 0n, max: 10n ** 27n });
  fc.assert(fc.property(fc.array(units, { minLength: 1, maxLength: 20 }), units, (own, principal) => {
    const total = own.reduce((sum, one) => sum + one, 0n);
    const lent = own.map((one) => lentStake(one, total, principal));
    const sum = lent.reduce((all, one) => all + one, 0n);
    expect(sum <= principal).toBe(true);
    expect(total === 0n ? sum === 0n : principal - sum < BigInt(own.length)).toBe(true);
    own.forEach((ownUnits, at) => {
      const counted = countedStake({ ownUnits, delegatedUnits: lent[at]! });
      expect(counted <= 4n * ownUnits && counted >= ownUnits).toBe(true);
    });
  }));
});
