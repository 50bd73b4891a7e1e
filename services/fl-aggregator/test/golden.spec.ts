import { formatUnits } from '@skein/kernel';
import { describe, expect, test } from 'vitest';
import { initialState } from '../src/domain/federation/federation.state.js';
import type { RoundState } from '../src/domain/federation/federation.state.js';
import { goodOf, moveMoney, slashesOf, tally } from '../src/domain/federation/settlement.policy.js';
import { hashOf, manifestWith, UNIT } from './story.js';

const manifest = manifestWith({ slashing: 'reference', rounds: 10 });
const aggregate = hashOf('aggregate');

function roundOf(votes: Record<string, 1 | -1>): RoundState {
  const stake = (node: string, flock: bigint) => ({ node, stake: flock * UNIT });
  return {
    round: 1, phase: 'revealing', dueAtMs: 0, beaconValue: '', contributions: {}, late: [],
    proposers: [stake('P1', 100n), stake('P2', 200n)],
    voters: [stake('V1', 100n), stake('V2', 300n), stake('V3', 100n)],
    aggregate: { sha256: aggregate, scores: {} },
    votes: Object.fromEntries(Object.entries(votes).map(([node, score]) => [node, { commit: '', revealed: { score, sha256: aggregate } }])),
  };
}

function settle(votes: Record<string, 1 | -1>) {
  const round = roundOf(votes);
  const result = tally(round)!;
  const slashes = slashesOf(round, result, manifest, true);
  const money = moveMoney({ left: 1_000n * UNIT, roundsLeft: 10, slashes, good: goodOf(round, result), caller: 'caller' });
  return { result, money, amounts: new Map(money.payments.map(({ node, units }) => [node, formatUnits(units)])) };
}

describe('money of a round by the reference rule', () => {
  test('golden 1: accepted with +300', () => {
    const { result, money, amounts } = settle({ V1: 1, V2: 1, V3: -1 });
    expect(result).toMatchObject({ outcome: 'accepted', sum: 300n * UNIT });
    expect(money.slashes).toEqual([{ node: 'V3', units: 10n * UNIT, reason: 'losing-side' }]);
    expect(money.callerUnits).toBe(UNIT);
    expect(formatUnits(money.reward)).toBe('100.9');
    expect(Object.fromEntries(amounts)).toEqual({
      P1: '14.414285714285714286', P2: '28.828571428571428571', V1: '14.414285714285714286', V2: '43.242857142857142857',
    });
    expect(formatUnits(money.left)).toBe('908.1');
  });

  test('golden 2: rejected with -300', () => {
    const { result, money, amounts } = settle({ V1: -1, V2: -1, V3: 1 });
    expect(result).toMatchObject({ outcome: 'rejected', sum: -300n * UNIT });
    expect(money.slashes.map(({ node, units }) => [node, formatUnits(units)])).toEqual([['P1', '10'], ['P2', '20'], ['V3', '10']]);
    expect(formatUnits(money.callerUnits)).toBe('4');
    expect(formatUnits(money.reward)).toBe('103.6');
    expect(Object.fromEntries(amounts)).toEqual({ V1: '25.9', V2: '77.7' });
    expect(formatUnits(money.left)).toBe('932.4');
  });

  test('without a caller that part goes to the pool', () => {
    const round = roundOf({ V1: 1, V2: 1, V3: -1 });
    const slashes = slashesOf(round, tally(round), manifest, true);
    const money = moveMoney({ left: 1_000n * UNIT, roundsLeft: 10, slashes, good: [] });
    expect(money).toMatchObject({ callerUnits: 0n, left: 1_010n * UNIT, payments: [] });
    expect(money).not.toHaveProperty('caller');
  });
});

test('a fresh state holds no money', () => {
  expect(initialState().pool).toEqual({ granted: 0n, slashed: 0n, paid: 0n, callers: 0n, left: 0n });
});
