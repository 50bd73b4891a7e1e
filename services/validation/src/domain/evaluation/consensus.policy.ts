import { assert, divRound, FP_ONE, fpExp, fpRatio, largestRemainder, sum } from '@skein/kernel';

/** A revealed score with the counted stake behind it. */
export interface StakedScore {
  readonly scoreNano: bigint;
  readonly stakeUnits: bigint;
}

export interface ConsensusRules {
  readonly consensus: 'median' | 'mean';
  readonly lambdaNano: bigint;
  readonly toleranceNano: bigint;
  readonly metricStepNano: bigint;
}

/** What the validators agreed on; lists are in the order of the scores. Distances and shares are times 10¹⁸. */
export interface Agreement {
  readonly agreedNano: bigint;
  readonly madNano: bigint;
  /** The tolerance that was used. */
  readonly toleranceNano: bigint;
  readonly distancesE18: readonly bigint[];
  /** Sum to exactly 10¹⁸. */
  readonly sharesE18: readonly bigint[];
}

const NANO = 1_000_000_000n;
const abs = (value: bigint): bigint => (value < 0n ? -value : value);
const max = (...values: bigint[]): bigint => values.reduce((a, b) => (a > b ? a : b));

interface Weighed {
  readonly value: bigint;
  readonly weight: bigint;
}

function firstPast(items: readonly Weighed[], past: (twiceReached: bigint, total: bigint) => boolean): bigint {
  const total = sum(items.map(({ weight }) => weight));
  const sorted = [...items].sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : 0));
  let reached = 0n;
  for (const { value, weight } of sorted) {
    reached += weight;
    if (past(2n * reached, total)) return value;
  }
  return sorted.at(-1)!.value;
}

/** Smallest value that at least half of the weight does not exceed. */
export const lowerMedian = (items: readonly Weighed[]): bigint => firstPast(items, (twice, total) => twice >= total);

/** Smallest value that more than half of the weight does not exceed. */
export const upperMedian = (items: readonly Weighed[]): bigint => firstPast(items, (twice, total) => twice > total);

function agreedScore(scores: readonly StakedScore[], consensus: ConsensusRules['consensus']): bigint {
  if (consensus === 'median') return lowerMedian(scores.map(({ scoreNano, stakeUnits }) => ({ value: scoreNano, weight: stakeUnits })));
  return divRound(sum(scores.map(({ scoreNano, stakeUnits }) => scoreNano * stakeUnits)), sum(scores.map(({ stakeUnits }) => stakeUnits)));
}

/**
 * Consensus over one submission: agreed score M, Δ = |x − M| / max(MAD, τ), F = s·e^(−λΔ) / Σ. τ is at least
 * 1e-3·max(|M|, 1) and one step of the metric, so that one row that flips on other hardware costs nobody its pay.
 */
export function agree(scores: readonly StakedScore[], rules: ConsensusRules): Agreement {
  assert(scores.some(({ stakeUnits }) => stakeUnits > 0n), 'a score with stake behind it counts');
  const agreedNano = agreedScore(scores, rules.consensus);
  const madNano = upperMedian(scores.map(({ scoreNano, stakeUnits }) => ({ value: abs(scoreNano - agreedNano), weight: stakeUnits })));
  const toleranceNano = max(rules.toleranceNano, rules.metricStepNano, (max(abs(agreedNano), NANO) + 999n) / 1000n);
  const distancesE18 = scores.map(({ scoreNano }) => fpRatio(abs(scoreNano - agreedNano), max(madNano, toleranceNano)));
  return { agreedNano, madNano, toleranceNano, distancesE18, sharesE18: shares(scores, distancesE18, rules.lambdaNano) };
}

/** Where every weight vanishes (a mean with a huge λ), stake alone decides: somebody has to be paid. */
function shares(scores: readonly StakedScore[], distancesE18: readonly bigint[], lambdaNano: bigint): bigint[] {
  const weights = scores.map(({ stakeUnits }, index) => weightOf(stakeUnits, distancesE18[index]!, lambdaNano));
  const usable = weights.some((weight) => weight > 0n) ? weights : scores.map(({ stakeUnits }) => stakeUnits);
  return largestRemainder(FP_ONE, usable);
}

/** s·e^(−λΔ), times 10¹⁸. */
export const weightOf = (stakeUnits: bigint, distanceE18: bigint, lambdaNano: bigint): bigint => stakeUnits * fpExp(-divRound(lambdaNano * distanceE18, NANO));
