import { assert, largestRemainder, sum } from '@skein/kernel';
import { type RankShareRules, payByRank } from './rank-share.policy.js';
import { PPM, type Staker, countedStake, splitDelegation } from './staker.policy.js';

const BPS = 10_000n;

export interface EpochRewardRules extends RankShareRules {
  readonly gammaPpm: number;
  readonly paidBps: number;
}

/** A validator with its ΣF over the submissions it scored, as fixed point; `shareAlone` is ΣF without its own delegation. */
export interface ScoringValidator {
  readonly staker: Staker;
  readonly share: bigint;
  readonly shareAlone: bigint;
}

export interface EpochRewardInput {
  readonly mintedUnits: bigint;
  readonly carriedInUnits: bigint;
  readonly rules: EpochRewardRules;
  /** Every staked node of the epoch, ranked or not. */
  readonly nodes: readonly Staker[];
  /** The ranked ones, best first. */
  readonly ranked: readonly Staker[];
  /** Every staked validator of the epoch. */
  readonly validators: readonly Staker[];
  readonly scoring: readonly ScoringValidator[];
}

export interface EpochReward {
  readonly wallet: string;
  readonly role: 'node' | 'validator';
  readonly paidUnits: bigint;
  readonly poolPaidUnits: bigint;
  readonly rank: number;
  readonly share: bigint;
}

/** minted + carried in = paid + locked + carried out. */
export interface EpochRewards {
  readonly nodesUnits: bigint;
  readonly validatorsUnits: bigint;
  readonly paidUnits: bigint;
  readonly lockedUnits: bigint;
  readonly carriedOutUnits: bigint;
  readonly rewards: readonly EpochReward[];
}

/** R0 to nodes and validators: nodes get γ + (1 − 2γ)·T/(T + S). No nodes: all to validators. */
export function divideByRole(r0: bigint, nodeStake: bigint, validatorStake: bigint, gammaPpm: number): { nodes: bigint; validators: bigint } {
  if (nodeStake === 0n) return { nodes: 0n, validators: r0 };
  const gamma = BigInt(gammaPpm);
  const all = nodeStake + validatorStake;
  const nodeWeight = gamma * all + (PPM - 2n * gamma) * nodeStake;
  const [nodes, validators] = largestRemainder(r0, [nodeWeight, PPM * all - nodeWeight]);
  return { nodes: nodes!, validators: validators! };
}

function payValidators(total: bigint, scoring: readonly ScoringValidator[]): EpochReward[] {
  const shares = scoring.map(({ share }) => share);
  const whole = sum(shares);
  return largestRemainder(total, shares).map((a, index) => {
    const { staker, share, shareAlone } = scoring[index]!;
    const delegated = countedStake(staker) > staker.ownUnits;
    const pay = delegated ? splitDelegation(a, (total * shareAlone) / whole, staker.sigmaPpm) : { node: a, pool: 0n };
    return { wallet: staker.wallet, role: 'validator', paidUnits: pay.node, poolPaidUnits: pay.pool, rank: 0, share };
  });
}

/** All amounts of one epoch of one task. What has no recipient is carried over. */
export function rewardEpoch(input: EpochRewardInput): EpochRewards {
  const r0 = input.mintedUnits + input.carriedInUnits;
  const stakeOf = (stakers: readonly Staker[]): bigint => sum(stakers.map(countedStake));
  const { nodes, validators } = divideByRole(r0, stakeOf(input.nodes), stakeOf(input.validators), input.rules.gammaPpm);
  const rewards: EpochReward[] = [];
  let carriedOutUnits = 0n;
  let lockedUnits = 0n;
  if (input.ranked.length === 0) carriedOutUnits += nodes;
  else {
    const [paid, locked] = largestRemainder(nodes, [BigInt(input.rules.paidBps), BPS - BigInt(input.rules.paidBps)]);
    lockedUnits = locked!;
    payByRank(paid!, input.ranked, input.rules).forEach(({ wallet, node, pool }, index) =>
      rewards.push({ wallet, role: 'node', paidUnits: node, poolPaidUnits: pool, rank: index + 1, share: 0n }),
    );
  }
  const scoring = input.scoring.filter(({ share }) => share > 0n);
  if (scoring.length === 0) carriedOutUnits += validators;
  else rewards.push(...payValidators(validators, scoring));
  const paidUnits = sum(rewards.map(({ paidUnits: own, poolPaidUnits }) => own + poolPaidUnits));
  assert(r0 === paidUnits + lockedUnits + carriedOutUnits, 'minted + carried in = paid + locked + carried out');
  return { nodesUnits: nodes, validatorsUnits: validators, paidUnits, lockedUnits, carriedOutUnits, rewards };
}
