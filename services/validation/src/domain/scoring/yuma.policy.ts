/**
 * Yuma consensus beside ours, recorded and never paid by: `scores[i][j]` is validator i's raw score of submission j, `stakes`
 * its shares of the stake. Float64; the algorithm of `golden/yuma.json`.
 */
export interface Yuma {
  readonly consensus: readonly number[];
  readonly validatorTrust: readonly number[];
  readonly prerank: readonly number[];
  readonly rank: readonly number[];
  readonly trust: readonly number[];
  readonly incentive: readonly number[];
  readonly dividends: readonly number[];
}

const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

export function yuma(stakes: readonly number[], scores: readonly (readonly number[])[], kappa = 0.5, beta = 1): Yuma {
  const columns = (scores[0] ?? []).map((_, j) => scores.map((row) => row[j]!));
  const consensus = columns.map((column) => clipLevel(stakes, column, kappa));
  const clipped = scores.map((row) => row.map((score, j) => Math.min(score, consensus[j]!)));
  const prerank = columns.map((column) => total(column.map((score, i) => stakes[i]! * score)));
  const rank = consensus.map((_, j) => total(clipped.map((row, i) => stakes[i]! * row[j]!)));
  const incentive = rank.map((value) => share(value, total(rank)));
  const bonded = scores.map((row, i) => row.map((score, j) => stakes[i]! * ((1 - beta) * score + beta * clipped[i]![j]!)));
  const bondTotals = consensus.map((_, j) => total(bonded.map((row) => row[j]!)));
  const earned = bonded.map((row) => total(row.map((bond, j) => share(bond, bondTotals[j]!) * incentive[j]!)));
  return {
    consensus,
    validatorTrust: clipped.map(total),
    prerank,
    rank,
    trust: rank.map((value, j) => share(value, prerank[j]!)),
    incentive,
    dividends: earned.map((value) => share(value, total(earned))),
  };
}

/** The largest score that validators with at least kappa of the stake reach. */
function clipLevel(stakes: readonly number[], column: readonly number[], kappa: number): number {
  const levels = [...new Set(column)].sort((a, b) => b - a);
  return levels.find((level) => total(stakes.filter((_, i) => column[i]! >= level)) >= kappa) ?? 0;
}
