import { sum } from '@skein/kernel';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { arenaGolden, units } from '../../../test/golden.js';
import { type RankShareRules, payByRank, rankWeights } from './rank-share.policy.js';
import { type Staker, countedStake, splitDelegation } from './staker.policy.js';

const rules = (over: Partial<RankShareRules> = {}): RankShareRules => ({
  rankShare: 'geometric',
  qPpm: 500_000,
  alphaHalf: false,
  ladderUPpm: 250_000,
  ...over,
});
const staker = (own: bigint, delegated = 0n, sigmaPpm = 0, wallet = 'w'): Staker => ({ wallet, ownUnits: own, delegatedUnits: delegated, sigmaPpm });
const sharesOf = (weights: bigint[]): number[] => weights.map((weight) => Number((weight * 10n ** 12n) / sum(weights)) / 1e12);

describe('golden shares', () => {
  test.each(arenaGolden.rankShares.filter(({ shares }) => shares))('geometric %j', ({ stakesInRankOrder, q, alpha, shares }) => {
    const weights = rankWeights(stakesInRankOrder.map(units), rules({ qPpm: q * 1e6, alphaHalf: alpha === 0.5 }));
    sharesOf(weights).forEach((share, index) => expect(share).toBeCloseTo(shares![index]!, 6));
  });
  test.each(arenaGolden.rankShares.filter(({ delegatedToRank1 }) => delegatedToRank1))('with and without delegation %j', (golden) => {
    const own = golden.stakesInRankOrder.map(units);
    const whole = own.with(0, own[0]! + units(golden.delegatedToRank1!));
    sharesOf(rankWeights(whole, rules())).forEach((share, index) => expect(share).toBeCloseTo(golden.withDelegation![index]!, 6));
    expect(sharesOf(rankWeights(own, rules()))[0]).toBeCloseTo(golden.withoutOwnDelegation![0]!, 6);
  });
  test.each(arenaGolden.ladderRankShare)('ladder %j', ({ stakesInRankOrder, u, q, shares }) => {
    const weights = rankWeights(stakesInRankOrder.map(units), rules({ rankShare: 'ladder', qPpm: q * 1e6, ladderUPpm: u * 1e6 }));
    sharesOf(weights).forEach((share, index) => expect(share).toBeCloseTo(shares[index]!, 6));
  });
  test('exact base units with delegation', () => {
    const golden = arenaGolden.nodePayWithDelegation.find(({ b1 }) => b1)!;
    const pay = payByRank(units(10_000), [staker(units(3000), units(1000), 400_000), staker(units(5000)), staker(units(4000))], rules());
    expect(pay.map(({ node, pool }) => node + pool)).toEqual((golden.a as string[]).map(units));
    expect(pay[0]).toMatchObject({ node: units(golden.node1!), pool: units(golden.pool1!) });
  });
  test.each(arenaGolden.nodePayWithDelegation.filter(({ pWith }) => pWith))('node and pool %j', (golden) => {
    const paid = (units(golden.rNodes) * BigInt(Math.round((1 - golden.lockedPct!) * 10))) / 10n;
    const part = (share: number): bigint => (paid * BigInt(share * 10)) / 10n;
    const pay = splitDelegation(part(golden.pWith!), part(golden.pWithout!), golden.sigma! * 1e6);
    expect(pay).toEqual({ node: units(golden.node!), pool: units(golden.pool!) });
  });
});

const stake = fc.bigInt({ min: 1n, max: 10n ** 24n });
const anyRules = fc.record({
  rankShare: fc.constantFrom<'geometric' | 'ladder'>('geometric', 'ladder'),
  qPpm: fc.integer({ min: 1, max: 999_999 }),
  alphaHalf: fc.boolean(),
  ladderUPpm: fc.integer({ min: 50_000, max: 1_000_000 }),
});
const stakers = fc.array(
  fc.record({ wallet: fc.uuid(), ownUnits: stake, delegatedUnits: fc.bigInt({ min: 0n, max: 10n ** 25n }), sigmaPpm: fc.integer({ min: 0, max: 1_000_000 }) }),
  { minLength: 1, maxLength: 8 },
);
const total = fc.bigInt({ min: 0n, max: 10n ** 24n });

describe('properties', () => {
  test('everything is paid and nobody gets a negative amount', () => {
    fc.assert(
      fc.property(total, stakers, anyRules, (amount, list, chosen) => {
        const pay = payByRank(amount, list, chosen);
        expect(sum(pay.map(({ node, pool }) => node + pool))).toBe(amount);
        for (const { node, pool } of pay) expect(node >= 0n && pool >= 0n).toBe(true);
      }),
    );
  });
  test('pay does not fall as σ rises, and node + pool stays a', () => {
    fc.assert(
      fc.property(total, total, fc.integer({ min: 0, max: 999_999 }), (a, b, sigma) => {
        const [low, high] = [splitDelegation(a, b, sigma), splitDelegation(a, b, sigma + 1)];
        expect(high.node >= low.node).toBe(true);
        expect(high.node + high.pool).toBe(a);
      }),
    );
  });
  test('a better rank at equal stake never earns less', () => {
    fc.assert(
      fc.property(total, stake, fc.integer({ min: 1, max: 8 }), anyRules, (amount, own, count, chosen) => {
        const pay = payByRank(amount, Array.from({ length: count }, () => staker(own)), chosen);
        for (let i = 1; i < count; i++) expect(pay[i - 1]!.node >= pay[i]!.node).toBe(true);
      }),
    );
  });
  test('with the ladder, splitting a wallet over neighbouring ranks changes no other weight', () => {
    fc.assert(
      fc.property(fc.array(stake, { minLength: 2, maxLength: 6 }), fc.nat(5), stake, (stakes, at, part) => {
        const index = at % stakes.length;
        const chosen = rules({ rankShare: 'ladder' });
        const first = 1n + (part % stakes[index]!);
        if (first >= stakes[index]!) return;
        const split = [...stakes.slice(0, index), first, stakes[index]! - first, ...stakes.slice(index + 1)];
        const [before, after] = [rankWeights(stakes, chosen), rankWeights(split, chosen)];
        expect(after[index]! + after[index + 1]!).toBe(before[index]);
        expect([...after.slice(0, index), ...after.slice(index + 2)]).toEqual([...before.slice(0, index), ...before.slice(index + 1)]);
      }),
    );
  });
  test('delegation counts up to three times the own stake', () => {
    expect(countedStake(staker(10n, 20n))).toBe(30n);
    expect(countedStake(staker(10n, 31n))).toBe(40n);
    expect(countedStake(staker(0n, 31n))).toBe(0n);
  });
});
