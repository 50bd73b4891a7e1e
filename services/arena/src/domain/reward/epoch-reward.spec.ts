import { FP_ONE, sum } from '@skein/kernel';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { arenaGolden, units } from '../../../test/golden.js';
import { type EpochRewardInput, divideByRole, rewardEpoch } from './epoch-reward.policy.js';
import type { Staker } from './staker.policy.js';

const staker = (wallet: string, own: bigint): Staker => ({ wallet, ownUnits: own, delegatedUnits: 0n, sigmaPpm: 0 });
const rules = { rankShare: 'geometric', qPpm: 500_000, alphaHalf: false, ladderUPpm: 250_000, gammaPpm: 250_000, paidBps: 1000 } as const;
const [a, b, v] = [staker('a', units(3000)), staker('b', units(3000)), staker('v', units(3000))];
const input = (over: Partial<EpochRewardInput> = {}): EpochRewardInput => ({
  mintedUnits: units(1000),
  carriedInUnits: 0n,
  rules,
  nodes: [a, b],
  ranked: [b, a],
  validators: [v],
  scoring: [{ staker: v, share: FP_ONE, shareAlone: FP_ONE }],
  ...over,
});

test.each(arenaGolden.nodesVsValidators)('R0 $r0 with γ $gamma', ({ r0, nodeStake, validatorStake, gamma, nodes, validators }) => {
  expect(divideByRole(units(r0), units(nodeStake), units(validatorStake), gamma * 1e6)).toEqual({ nodes: units(nodes), validators: units(validators) });
});

test('R_nodes + R_validators = R0 for every γ', () => {
  const amount = fc.bigInt({ min: 0n, max: 10n ** 25n });
  fc.assert(
    fc.property(amount, amount, amount, fc.integer({ min: 0, max: 500_000 }), (r0, nodes, validators, gamma) => {
      const split = divideByRole(r0, nodes, validators, gamma);
      expect(split.nodes + split.validators).toBe(r0);
      expect(split.nodes >= 0n && split.validators >= 0n).toBe(true);
    }),
  );
});

describe('where an epoch goes', () => {
  test('10 % of the nodes’ part is paid by rank, 90 % locked, validators in full', () => {
    const rewards = rewardEpoch(input());
    expect(rewards.nodesUnits).toBe((units(1000) * 7n) / 12n); // γ + (1 − 2γ)·⅔ = 7/12
    expect(rewards.lockedUnits).toBe(rewards.nodesUnits - rewards.nodesUnits / 10n);
    expect(rewards.rewards.map(({ wallet, rank }) => [wallet, rank])).toEqual([['b', 1], ['a', 2], ['v', 0]]);
    expect(rewards.rewards[2]!.paidUnits).toBe(rewards.validatorsUnits);
    expect(rewards.carriedOutUnits).toBe(0n);
  });
  test('no nodes: all to validators', () => {
    const rewards = rewardEpoch(input({ nodes: [], ranked: [] }));
    expect(rewards).toMatchObject({ nodesUnits: 0n, validatorsUnits: units(1000), paidUnits: units(1000), carriedOutUnits: 0n });
  });
  test('nobody ranks: the nodes’ part is carried over', () => {
    const rewards = rewardEpoch(input({ ranked: [] }));
    expect(rewards).toMatchObject({ lockedUnits: 0n, carriedOutUnits: rewards.nodesUnits });
  });
  test('nothing counted: the validators’ part is carried over', () => {
    const rewards = rewardEpoch(input({ scoring: [{ staker: v, share: 0n, shareAlone: 0n }] }));
    expect(rewards.carriedOutUnits).toBe(rewards.validatorsUnits);
  });
  test('nobody at all: everything is carried over, with what came in', () => {
    const rewards = rewardEpoch(input({ carriedInUnits: 7n, nodes: [], ranked: [], validators: [], scoring: [] }));
    expect(rewards).toMatchObject({ paidUnits: 0n, lockedUnits: 0n, carriedOutUnits: units(1000) + 7n });
  });
  test('a validator’s delegators get what their stake brought, less σ', () => {
    const delegated: Staker = { ...v, delegatedUnits: units(3000), sigmaPpm: 400_000 };
    const w = staker('w', units(3000));
    const scoring = [
      { staker: delegated, share: (2n * FP_ONE) / 3n, shareAlone: FP_ONE / 2n },
      { staker: w, share: FP_ONE / 3n, shareAlone: FP_ONE / 2n },
    ];
    const { rewards, validatorsUnits } = rewardEpoch(input({ nodes: [], ranked: [], validators: [delegated, w], scoring }));
    const paid = rewards[0]!;
    expect(paid.poolPaidUnits > 0n && paid.paidUnits > validatorsUnits / 2n - 2n).toBe(true);
    expect(sum(rewards.map(({ paidUnits, poolPaidUnits }) => paidUnits + poolPaidUnits))).toBe(validatorsUnits);
  });
});

const anyStaker = (prefix: string) =>
  fc.array(
    fc.record({
      ownUnits: fc.bigInt({ min: 1n, max: 10n ** 24n }),
      delegatedUnits: fc.bigInt({ min: 0n, max: 10n ** 24n }),
      sigmaPpm: fc.integer({ min: 0, max: 1_000_000 }),
    }),
    { maxLength: 6 },
  ).map((list) => list.map((one, index) => ({ ...one, wallet: `${prefix}${index}` })));

test('minted + carried in = paid + locked + carried out, whatever happens', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 10n ** 24n }),
      fc.bigInt({ min: 0n, max: 10n ** 20n }),
      anyStaker('n'),
      anyStaker('v'),
      fc.nat(6),
      fc.array(fc.bigInt({ min: 0n, max: FP_ONE }), { minLength: 6, maxLength: 6 }),
      fc.record({ gammaPpm: fc.integer({ min: 0, max: 500_000 }), paidBps: fc.integer({ min: 0, max: 10_000 }), ladder: fc.boolean() }),
      (mintedUnits, carriedInUnits, nodes, validators, rankedCount, shares, chosen) => {
        const scoring = validators.map((one, index) => ({ staker: one, share: shares[index]!, shareAlone: shares[index]! / 2n }));
        const rewards = rewardEpoch({
          mintedUnits,
          carriedInUnits,
          rules: { ...rules, ...chosen, rankShare: chosen.ladder ? 'ladder' : 'geometric' },
          nodes,
          ranked: nodes.slice(0, rankedCount),
          validators,
          scoring,
        });
        expect(rewards.paidUnits + rewards.lockedUnits + rewards.carriedOutUnits).toBe(mintedUnits + carriedInUnits);
        expect(sum(rewards.rewards.map(({ paidUnits, poolPaidUnits }) => paidUnits + poolPaidUnits))).toBe(rewards.paidUnits);
      },
    ),
  );
});
