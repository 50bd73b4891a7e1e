import { type MetricDirection, better } from '../task/metric.policy.js';

/** Rounded towards the worse side to a whole step. */
export function roundForBoard(scoreNano: bigint, stepNano: bigint, direction: MetricDirection): bigint {
  const rest = ((scoreNano % stepNano) + stepNano) % stepNano;
  if (rest === 0n) return scoreNano;
  return direction === 'higher' ? scoreNano - rest : scoreNano - rest + stepNano;
}

/**
 * What the public board shows: rounded, and only improved by whole steps (the ladder that keeps probes from learning the
 * hidden set). `shown` is what it showed before.
 */
export function boardScore(scoreNano: bigint, stepNano: bigint, direction: MetricDirection, shown?: bigint): bigint {
  const rounded = roundForBoard(scoreNano, stepNano, direction);
  return shown === undefined || better(rounded, shown, direction) ? rounded : shown;
}

export interface Rankable {
  readonly submissionId: string;
  readonly scoreNano: bigint;
  /** Place in the task's commit order. */
  readonly order: number;
}

/** Best first; ties go to the earlier commit. */
export function rankByScore<T extends Rankable>(scored: readonly T[], direction: MetricDirection): T[] {
  return [...scored].sort((a, b) => {
    if (a.scoreNano !== b.scoreNano) return better(a.scoreNano, b.scoreNano, direction) ? -1 : 1;
    return a.order - b.order;
  });
}
