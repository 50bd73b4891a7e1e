import { assert, fpPow, fpRatio, largestRemainder, sum } from '@skein/kernel';
import { PPM, type Staker, countedStake, splitDelegation, stakePower } from './staker.policy.js';

/** How the nodes' reward follows rank. */
export interface RankShareRules {
  readonly rankShare: 'geometric' | 'ladder';
  readonly qPpm: number;
  readonly alphaHalf: boolean;
  readonly ladderUPpm: number;
}

function geometricWeights(stakes: readonly bigint[], { qPpm, alphaHalf }: RankShareRules): bigint[] {
  const last = BigInt(stakes.length - 1);
  return stakes.map((stake, index) => BigInt(qPpm) ** BigInt(index) * PPM ** (last - BigInt(index)) * stakePower(stake, alphaHalf));
}

// Both ends of a rung are powers of the stake passed so far, so that neighbouring rungs share the same rounded number and
// splitting a wallet over them changes no other weight by even one unit.
function ladderWeights(stakes: readonly bigint[], { qPpm, ladderUPpm }: RankShareRules): bigint[] {
  const unit = sum(stakes) * BigInt(ladderUPpm);
  const q = fpRatio(BigInt(qPpm), PPM);
  const height = (passed: bigint): bigint => fpPow(q, fpRatio(passed * PPM, unit));
  let passed = 0n;
  return stakes.map((stake) => {
    const top = height(passed);
    passed += stake;
    return top - height(passed);
  });
}

/** Integer weights of the counted stakes given in rank order (best first). */
export function rankWeights(stakesInRankOrder: readonly bigint[], rules: RankShareRules): bigint[] {
  if (stakesInRankOrder.length === 0) return [];
  return rules.rankShare === 'ladder' ? ladderWeights(stakesInRankOrder, rules) : geometricWeights(stakesInRankOrder, rules);
}

export interface RankedPay {
  readonly wallet: string;
  readonly node: bigint;
  readonly pool: bigint;
}

/** Divides `total` among wallets in rank order, each with its delegation pool. Sums exactly. */
export function payByRank(total: bigint, stakersInRankOrder: readonly Staker[], rules: RankShareRules): RankedPay[] {
  const counted = stakersInRankOrder.map(countedStake);
  const amounts = largestRemainder(total, rankWeights(counted, rules));
  return stakersInRankOrder.map((staker, index) => {
    const a = amounts[index]!;
    if (counted[index] === staker.ownUnits) return { wallet: staker.wallet, node: a, pool: 0n };
    const without = rankWeights(counted.with(index, staker.ownUnits), rules);
    const weightSum = sum(without);
    assert(weightSum > 0n, 'ranked wallets have stake');
    const b = (total * without[index]!) / weightSum;
    return { wallet: staker.wallet, ...splitDelegation(a, b, staker.sigmaPpm) };
  });
}
