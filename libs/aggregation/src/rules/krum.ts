import { gramOf, squaredDistance } from '../gram.js';
import type { Gram } from '../gram.js';
import { combine, deltasOf, normalised, perCoordinate } from '../vectors.js';
import type { Rule, RuleInput, RuleOutput } from './rule.js';

/** Each member's sum of squared distances to its `neighbours` nearest other members (Blanchard et al. 2017); it is never its own neighbour. */
export function krumScores(gram: Gram, members: readonly number[], neighbours: number): number[] {
  return members.map((i) => {
    const others = members.filter((j) => j !== i).map((j) => squaredDistance(gram, i, j));
    return Float64Array.from(others).sort().subarray(0, neighbours).reduce((sum, d) => sum + d, 0);
  });
}

/** Indices of the `count` lowest scores, lowest first; ties by index, which is the order of node ids. */
function best(scores: readonly number[], count: number): number[] {
  return scores
    .map((_, i) => i)
    .sort((a, b) => scores[a]! - scores[b]! || a - b)
    .slice(0, count);
}

function meanOf(input: RuleInput, deltas: Float64Array[], chosen: readonly number[]): RuleOutput {
  const members = [...chosen].sort((a, b) => a - b);
  const shares = normalised(members.map((i) => (input.parameters['weighted'] ? input.updates[i]!.examples : 1)));
  return {
    weights: combine(input.global, shares, members.map((i) => deltas[i]!)),
    selected: members.map((i) => input.updates[i]!.nodeId),
  };
}

function selectBest(input: RuleInput, count: number): RuleOutput {
  const deltas = deltasOf(input.global, input.updates);
  const everyone = input.updates.map((_, i) => i);
  const scores = krumScores(gramOf(deltas), everyone, everyone.length - input.parameters['f']! - 2);
  return meanOf(input, deltas, best(scores, count));
}

/** The update nearest its N−f−2 nearest neighbours. Parameter `f` with N ≥ 2f+3. */
export const krum: Rule = (input) => selectBest(input, 1);

/** The mean of the `m` best by Krum's score (default N−f), unweighted unless `weighted` = 1. Parameters `f`, `m`, `weighted`. */
export const multiKrum: Rule = (input) =>
  selectBest(input, input.parameters['m'] || input.updates.length - input.parameters['f']!);

/**
 * Bulyan by its paper's loop (El Mhamdi et al. 2018): θ = N−2f times pick a Krum winner among the remaining and remove it,
 * then per coordinate the mean of the θ−2f values nearest the median (ties: the smaller value). Parameter `f` with N ≥ 4f+3.
 */
export const bulyan: Rule = (input) => {
  const { global, updates, parameters } = input;
  const f = parameters['f']!;
  const deltas = deltasOf(global, updates);
  const gram = gramOf(deltas);
  const theta = updates.length - 2 * f;
  let remaining = updates.map((_, i) => i);
  const picked: number[] = [];
  while (picked.length < theta) {
    const scores = krumScores(gram, remaining, Math.max(1, remaining.length - f - 2));
    const winner = remaining[best(scores, 1)[0]!]!;
    picked.push(winner);
    remaining = remaining.filter((i) => i !== winner);
  }
  const members = picked.sort((a, b) => a - b);
  const change = perCoordinate(members.map((i) => deltas[i]!), (values) => meanNearMedian(values.sort(), theta - 2 * f));
  return { weights: combine(global, [1], [change]), selected: members.map((i) => updates[i]!.nodeId) };
};

function meanNearMedian(sorted: Float64Array, count: number): number {
  const half = sorted.length >> 1;
  const centre = sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
  const nearest = [...sorted].sort((a, b) => Math.abs(a - centre) - Math.abs(b - centre) || a - b).slice(0, count);
  return nearest.reduce((sum, value) => sum + value, 0) / count;
}
