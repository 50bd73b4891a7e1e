import { assert, sum } from '@skein/kernel';
import type { Participant } from '../task/participants.policy.js';
import type { LockedReward } from '../task/task.events.js';
import type { StakeHistory } from '../task/task.state.js';
import { type RankShareRules, payByRank } from './rank-share.policy.js';
import { countedStake } from './staker.policy.js';

/**
 * Divides the locked pool by the final ranking. With `mean` each wallet weighs by its mean counted stake over the ends of
 * the epochs, and by its mean own stake where its delegation is left out; the sums over the epochs weigh the same, since
 * all are divided by the same number. Where nobody ranks, the pool is carried over.
 */
export function divideLockedPool(
  lockedUnits: bigint,
  ownersInRankOrder: readonly string[],
  history: StakeHistory,
  finalStake: 'mean' | 'last',
  rules: RankShareRules,
): { rewards: LockedReward[]; carriedUnits: bigint } {
  const stakeOf = (wallet: string): Participant | undefined =>
    finalStake === 'mean' ? history.sums[wallet] : history.last.find((one) => one.wallet === wallet);
  const ranked = ownersInRankOrder.flatMap((wallet, index) => {
    const stake = stakeOf(wallet);
    return stake && stake.role === 'node' && countedStake(stake) > 0n ? [{ stake, rank: index + 1 }] : [];
  });
  if (ranked.length === 0) return { rewards: [], carriedUnits: lockedUnits };
  const pay = payByRank(lockedUnits, ranked.map(({ stake }) => stake), rules);
  const rewards = pay.map(({ wallet, node, pool }, index) => ({ wallet, rank: ranked[index]!.rank, lockedUnits: node, poolLockedUnits: pool }));
  assert(sum(rewards.map((one) => one.lockedUnits + one.poolLockedUnits)) === lockedUnits, 'the locked pool is divided whole');
  return { rewards, carriedUnits: 0n };
}
