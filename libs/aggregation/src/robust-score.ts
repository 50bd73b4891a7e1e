import { difference, medianOf, norm, perCoordinate, sortedByNode } from './vectors.js';
import type { ClientUpdate } from './vectors.js';

/** Scores are capped here: a distance over a median distance of 0 is "infinitely far", which JSON cannot carry. */
export const ROBUST_SCORE_MAX = 1e6;

/**
 * Each update's distance to the coordinate-wise median of the round's updates ÷ the median of those distances; 0/0 = 1.
 * Node id → score, in the order of node ids. A pure function of the updates: every voter can recompute it.
 */
export function robustScores(updates: readonly ClientUpdate[]): Map<string, number> {
  const sorted = sortedByNode(updates);
  if (sorted.length === 0) return new Map();
  const centre = perCoordinate(sorted.map((update) => update.weights), (values) => medianOf([...values]));
  const distances = sorted.map((update) => norm(difference(update.weights, centre)));
  const typical = medianOf(distances);
  return new Map(sorted.map((update, i) => [update.nodeId, ratio(distances[i]!, typical)]));
}

function ratio(distance: number, typical: number): number {
  if (typical === 0) return distance === 0 ? 1 : ROBUST_SCORE_MAX;
  return Math.min(distance / typical, ROBUST_SCORE_MAX);
}
