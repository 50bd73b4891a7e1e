import { FP_ONE, type Rejection, type Result, assert, fpRatio, ok, reject, sum } from '@skein/kernel';
import { rankByScore } from '../board/board.policy.js';
import { rewardEpoch } from '../reward/epoch-reward.policy.js';
import { countedStake } from '../reward/staker.policy.js';
import { directionOf } from '../task/metric.policy.js';
import { type Participant, type StakeBlock, nodesOf, validatorsOf } from '../task/participants.policy.js';
import type { Entry, QuotaCredit } from '../task/task.events.js';
import type { Verdict } from './epoch.commands.js';
import type { EpochEvent, EpochStanding, ScoringSubmission, ValidatorShare, ValidatorTotal } from './epoch.events.js';
import type { EpochState } from './epoch.state.js';

/** Counted shares are of the scoring's validators and sum to exactly one. */
export function checkShares({ outcome, shares }: Verdict, participants: readonly Participant[]): Result<void, Rejection> {
  if (outcome !== 'counted') return ok(undefined);
  const validators = new Set(validatorsOf(participants).map(({ wallet }) => wallet));
  const known = shares.every(({ wallet, share, shareAlone }) => validators.has(wallet) && share >= 0n && shareAlone >= 0n);
  if (known && sum(shares.map(({ share }) => share)) === FP_ONE) return ok(undefined);
  return reject('invalid-argument', 'verdict-shares', 'the shares of a verdict are of the validators that were named and sum to 1', 'shares');
}

/** F and the stake's part of each validator that was counted. */
export function sharesOf(verdict: Verdict, participants: readonly Participant[]): ValidatorShare[] {
  const stakes = new Map(validatorsOf(participants).map((one) => [one.wallet, countedStake(one)]));
  const whole = sum(verdict.shares.map(({ wallet }) => stakes.get(wallet) ?? 0n));
  return verdict.shares.map(({ wallet, share, shareAlone }) => ({
    wallet,
    share,
    shareAlone,
    stakeShare: whole === 0n ? 0n : fpRatio(stakes.get(wallet) ?? 0n, whole),
  }));
}

/** The stakes at the end of those who took part from its beginning, in the same role. */
function finalStakes(participants: readonly Participant[], stakes: readonly Participant[]): Participant[] {
  return participants.flatMap((one) => stakes.filter(({ wallet, role }) => wallet === one.wallet && role === one.role)).filter((one) => countedStake(one) > 0n);
}

function totalsOf(scored: readonly { shares: readonly ValidatorShare[] }[]): (ValidatorTotal & { shareAlone: bigint })[] {
  const totals = new Map<string, ValidatorTotal & { shareAlone: bigint }>();
  for (const { wallet, share, shareAlone, stakeShare } of scored.flatMap(({ shares }) => shares)) {
    const before = totals.get(wallet) ?? { wallet, share: 0n, shareAlone: 0n, stakeShare: 0n, counted: 0 };
    totals.set(wallet, {
      wallet,
      share: before.share + share,
      shareAlone: before.shareAlone + shareAlone,
      stakeShare: before.stakeShare + stakeShare,
      counted: before.counted + 1,
    });
  }
  return [...totals.values()].sort((a, b) => (a.wallet < b.wallet ? -1 : 1));
}

function standingsOf(state: EpochState, ranking: readonly ScoringSubmission[]): EpochStanding[] {
  const counted = ranking.flatMap((one) => {
    const score = state.scored[one.submissionId];
    return score?.outcome === 'counted' ? [{ ...one, scoreNano: score.scoreNano, boardScoreNano: score.boardScoreNano }] : [];
  });
  return rankByScore(counted, directionOf(state.opened!.policy.metric)).map(({ owner, submissionId, scoreNano, boardScoreNano }, index) => ({
    rank: index + 1,
    owner,
    submissionId,
    scoreNano,
    boardScoreNano,
  }));
}

function entriesAfter(state: EpochState, ranking: readonly ScoringSubmission[]): Entry[] {
  const before = new Map(state.opened!.entries.map((entry) => [entry.submissionId, entry]));
  return ranking
    .filter(({ submissionId }) => !state.failed.has(submissionId))
    .map((one) => {
      const shown = state.scored[one.submissionId]?.outcome === 'counted' ? state.scored[one.submissionId]!.boardScoreNano : before.get(one.submissionId)?.boardScoreNano;
      return shown === undefined ? one : { ...one, boardScoreNano: shown };
    });
}

function creditsAfter(state: EpochState): QuotaCredit[] {
  const spoiled = state.submissions.filter(({ platformFault }) => platformFault).map(({ owner }) => owner);
  return [...new Set(spoiled)].sort().map((wallet) => ({ wallet, count: spoiled.filter((owner) => owner === wallet).length }));
}

interface AtEnd {
  readonly stakes: readonly Participant[];
  readonly stakeBlock?: StakeBlock;
  readonly nowMs: number;
}

/** Ends the epoch: ranks, shares and every amount, with the stakes at its end. */
export function closeEpoch(state: EpochState, ranking: readonly ScoringSubmission[], { stakes, stakeBlock, nowMs }: AtEnd): EpochEvent {
  const { taskId, epoch, rewardEpoch: number, policy, participants, mintedUnits, carriedInUnits } = state.opened!;
  const atEnd = finalStakes(participants, stakes);
  const stakerOf = new Map(atEnd.map((one) => [one.wallet, one]));
  const standings = standingsOf(state, ranking);
  const totals = totalsOf(Object.values(state.scored).filter(({ outcome }) => outcome === 'counted'));
  const rewards = rewardEpoch({
    mintedUnits,
    carriedInUnits,
    rules: policy.rules,
    nodes: nodesOf(atEnd),
    ranked: standings.flatMap(({ owner }) => stakerOf.get(owner) ?? []),
    validators: validatorsOf(atEnd),
    scoring: totals.flatMap((total) => {
      const staker = stakerOf.get(total.wallet);
      return staker ? [{ staker, share: total.share, shareAlone: total.shareAlone }] : [];
    }),
  });
  assert(rewards.rewards.every(({ paidUnits, poolPaidUnits }) => paidUnits >= 0n && poolPaidUnits >= 0n), 'no reward is negative');
  return {
    type: 'skein.arena.epoch.closed.v1',
    data: {
      taskId,
      epoch,
      rewardEpoch: number,
      mintedUnits,
      carriedInUnits,
      ...rewards,
      standings,
      validators: totals.map(({ wallet, share, stakeShare, counted }) => ({ wallet, share, stakeShare, counted })),
      stakes: atEnd,
      ...(stakeBlock === undefined ? {} : { stakeBlock }),
      entries: entriesAfter(state, ranking),
      commits: state.submissions.length,
      quotaCredits: creditsAfter(state),
      closedAtMs: nowMs,
    },
  };
}
