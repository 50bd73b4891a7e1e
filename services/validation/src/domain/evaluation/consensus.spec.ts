import { readFileSync } from 'node:fs';
import { FP_ONE } from '@skein/kernel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { agree, type ConsensusRules, lowerMedian, type StakedScore, upperMedian, weightOf } from './consensus.policy.js';

interface GoldenCase {
  tau?: number;
  scores: number[];
  stakes: number[];
  agreed: number;
  mad?: number;
  distance?: number[];
  shares?: number[];
  sharesOfSplitTogether?: number;
}
interface Golden {
  validatorConsensus: GoldenCase[];
  robustness: { stakes: number[]; attack: string; lowerWeightedMedianNormalised: number[]; stakeMean: number[] }[];
}
const golden = JSON.parse(readFileSync(new URL('../../../test/golden/numbers/consensus.json', import.meta.url), 'utf8')) as Golden;

const UNIT = 10n ** 18n;
const nano = (score: number): bigint => BigInt(Math.round(score * 1e9));
const rules = (fields: Partial<ConsensusRules> = {}): ConsensusRules => ({ consensus: 'median', lambdaNano: 1_000_000_000n, toleranceNano: 0n, metricStepNano: 0n, ...fields });
const staked = (scores: number[], stakes: number[]): StakedScore[] => scores.map((score, i) => ({ scoreNano: nano(score), stakeUnits: BigInt(stakes[i]!) * UNIT }));
const numbers = (values: readonly bigint[]): number[] => values.map((value) => Number(value) / 1e18);

describe('consensus', () => {
  it.each(golden.validatorConsensus)('golden: agreed $agreed of $scores', (test) => {
    const result = agree(staked(test.scores, test.stakes), rules({ toleranceNano: nano(test.tau ?? 0.001) }));
    expect(result.agreedNano).toBe(nano(test.agreed));
    if (test.mad !== undefined) expect(result.madNano).toBe(nano(test.mad));
    test.distance?.forEach((distance, i) => expect(numbers(result.distancesE18)[i]!).toBeCloseTo(distance, 6));
    test.shares?.forEach((share, i) => expect(Math.abs(numbers(result.sharesE18)[i]! - share)).toBeLessThan(1e-6));
    if (test.shares !== undefined) expect(Math.abs(numbers(result.sharesE18)[2]! - test.shares[2]!)).toBeLessThan(1e-15);
    if (test.sharesOfSplitTogether !== undefined) expect(Number(result.sharesE18[2]! + result.sharesE18[3]!) / 1e18).toBeCloseTo(test.sharesOfSplitTogether, 15);
  });

  it.each(golden.robustness)('golden: $attack', ({ stakes, attack, lowerWeightedMedianNormalised, stakeMean }) => {
    const attacker = attack.startsWith('24% under') ? [0, 0.6, 0.4] : [0, 0, 1];
    const second = attack.startsWith('24% under') ? [0.6, 0.3, 0.1] : [0.5, 0.4, 0.1];
    const rows = [[0.6, 0.3, 0.1], second, attacker];
    const columns = [0, 1, 2].map((j) => staked(rows.map((row) => row[j]!), stakes));
    const medians = columns.map((column) => Number(agree(column, rules()).agreedNano) / 1e9);
    const sum = medians.reduce((a, b) => a + b);
    medians.forEach((median, j) => expect(median / sum).toBeCloseTo(lowerWeightedMedianNormalised[j]!, 6));
    columns.forEach((column, j) => expect(Number(agree(column, rules({ consensus: 'mean' })).agreedNano) / 1e9).toBeCloseTo(stakeMean[j]!, 6));
  });

  it('has a tolerance of at least a thousandth and one step of the metric', () => {
    const scores = staked([2, 2, 2], [1, 1, 1]);
    expect(agree(scores, rules()).toleranceNano).toBe(2_000_000n);
    expect(agree(staked([-0.1], [1]), rules()).toleranceNano).toBe(1_000_000n);
    expect(agree(scores, rules({ metricStepNano: 6_500_000n })).toleranceNano).toBe(6_500_000n);
    expect(agree(scores, rules({ toleranceNano: 9_000_000n, metricStepNano: 6_500_000n })).toleranceNano).toBe(9_000_000n);
  });

  it('pays by stake alone where every weight vanishes', () => {
    const far = agree(staked([0, 1], [3, 1]), rules({ consensus: 'mean', lambdaNano: 1_000_000_000_000n }));
    expect(numbers(far.sharesE18)).toEqual([0.75, 0.25]);
  });
});

const amount = fc.bigInt({ min: 1n, max: 10n ** 27n });
const score = fc.bigInt({ min: -2_000_000_000n, max: 2_000_000_000n });
const panel = fc.array(fc.record({ scoreNano: score, stakeUnits: amount }), { minLength: 1, maxLength: 9 });

describe('consensus, for all panels', () => {
  it('shares sum to one exactly and nobody is below zero', () => {
    fc.assert(
      fc.property(panel, fc.constantFrom<ConsensusRules['consensus']>('median', 'mean'), fc.bigInt({ min: 0n, max: 10n ** 12n }), (scores, consensus, lambdaNano) => {
        const { sharesE18 } = agree(scores, rules({ consensus, lambdaNano }));
        expect(sharesE18.reduce((a, b) => a + b, 0n)).toBe(FP_ONE);
        expect(sharesE18.every((value) => value >= 0n)).toBe(true);
      }),
    );
  });

  it('does not depend on the order of the scores', () => {
    fc.assert(
      fc.property(panel, (scores) => {
        const forth = agree(scores, rules());
        const back = agree([...scores].reverse(), rules());
        expect([back.agreedNano, back.madNano, back.toleranceNano]).toEqual([forth.agreedNano, forth.madNano, forth.toleranceNano]);
        expect([...back.distancesE18].reverse()).toEqual(forth.distancesE18);
      }),
    );
  });

  it('a validator moving half way toward M has no smaller weight', () => {
    fc.assert(
      fc.property(panel, fc.nat(8), (scores, pick) => {
        const index = pick % scores.length;
        const before = agree(scores, rules());
        const moved = scores.map((entry, i) => (i === index ? { ...entry, scoreNano: entry.scoreNano + (before.agreedNano - entry.scoreNano) / 2n } : entry));
        const after = agree(moved, rules());
        const weight = (of: typeof before): bigint => weightOf(scores[index]!.stakeUnits, of.distancesE18[index]!, 1_000_000_000n);
        const same = after.agreedNano === before.agreedNano && after.madNano === before.madNano;
        if (same) expect(weight(after) >= weight(before)).toBe(true);
      }),
    );
  });

  it('splitting a stake over two wallets that score alike changes neither consensus nor total weight', () => {
    fc.assert(
      fc.property(panel, fc.nat(8), amount, (scores, pick, part) => {
        const index = pick % scores.length;
        const whole = scores[index]!;
        const first = part % whole.stakeUnits;
        const split = [...scores.filter((_, i) => i !== index), { ...whole, stakeUnits: first }, { ...whole, stakeUnits: whole.stakeUnits - first }];
        const [before, after] = [agree(scores, rules()), agree(split, rules())];
        expect([after.agreedNano, after.madNano]).toEqual([before.agreedNano, before.madNano]);
        const weightAfter = weightOf(first, after.distancesE18.at(-2)!, 1_000_000_000n) + weightOf(whole.stakeUnits - first, after.distancesE18.at(-1)!, 1_000_000_000n);
        expect(weightAfter).toBe(weightOf(whole.stakeUnits, before.distancesE18[index]!, 1_000_000_000n));
      }),
    );
  });

  it('medians are scores that were given, the lower one not above the upper one', () => {
    fc.assert(
      fc.property(panel, (scores) => {
        const items = scores.map(({ scoreNano, stakeUnits }) => ({ value: scoreNano, weight: stakeUnits }));
        const [low, high] = [lowerMedian(items), upperMedian(items)];
        expect(low <= high).toBe(true);
        expect(scores.some(({ scoreNano }) => scoreNano === low) && scores.some(({ scoreNano }) => scoreNano === high)).toBe(true);
      }),
    );
  });
});
