import { combine, deltasOf, difference, norm, normalised } from '../vectors.js';
import type { ClientUpdate, Vector } from '../vectors.js';
import type { Rule, RuleInput } from './rule.js';

const zeros = (length: number): Float64Array => new Float64Array(length);

/** Σ n_i w_i / Σ n_i (McMahan et al. 2017). */
export function weightedMean(updates: readonly ClientUpdate[]): Float64Array {
  const weights = updates.map((update) => update.weights);
  const total = updates.reduce((sum, update) => sum + update.examples, 0);
  const sums = combine(zeros(weights[0]!.length), updates.map((update) => update.examples), weights);
  return sums.map((sum) => sum / total);
}

/** Plain federated averaging, weighted by examples. */
export const fedavg: Rule = ({ updates }) => ({ weights: weightedMean(updates) });

/** v ← μ v + (w_t − fedavg); w ← w − η v (Hsu et al. 2019). Parameters `eta`, `momentum`. */
export const fedavgm: Rule = ({ global, updates, parameters, state }) => {
  const mean = weightedMean(updates);
  const last = state?.m ?? zeros(global.length);
  const m = last.map((value, k) => parameters['momentum']! * value + (global[k]! - mean[k]!));
  return { weights: combine(global, [-parameters['eta']!], [m]), state: { round: (state?.round ?? 0) + 1, m } };
};

/** w ← w + (Σ p_i a_i)·Σ p_i Δ_i/a_i with a_i local steps, no momentum (Wang et al. 2020). */
export const fednova: Rule = ({ global, updates }) => {
  const shares = normalised(updates.map((update) => update.examples));
  const steps = updates.map((update) => update.localSteps ?? 1);
  const effective = shares.reduce((sum, share, i) => sum + share * steps[i]!, 0);
  const factors = shares.map((share, i) => (effective * share) / steps[i]!);
  return { weights: combine(global, factors, deltasOf(global, updates)) };
};

/** w ← w + η (1/K) Σ (1+τ_i)^(−1/2) Δ_i over the K buffered updates (Nguyen et al. 2022). Parameter `eta`. */
export const fedbuff: Rule = ({ global, updates, parameters }) => {
  const scale = parameters['eta']! / updates.length;
  const factors = updates.map((update) => scale / Math.sqrt(1 + (update.staleness ?? 0)));
  return { weights: combine(global, factors, deltasOf(global, updates)) };
};

/** w ← w + η mean(Δ_i); c ← c + (participants/N)·mean(c_i⁺ − c_i) (Karimireddy et al. 2020). Parameters `eta`, `population` (N). */
export const scaffold: Rule = (input) => {
  const { global, updates, parameters, state } = input;
  const factor = 1 / updates.length;
  const weights = combine(global, updates.map(() => parameters['eta']! * factor), deltasOf(global, updates));
  const controls = input.controlDeltas ?? [];
  const share = 1 / (parameters['population'] || updates.length);
  const c = combine(state?.c ?? zeros(global.length), controls.map(() => share), controls);
  return { weights, state: { round: (state?.round ?? 0) + 1, c } };
};

/** min(1, C/‖Δ‖); 1 for a zero update. */
export function clipFactor(delta: Vector, bound: number): number {
  const length = norm(delta);
  return length === 0 ? 1 : Math.min(1, bound / length);
}

/** The updates with every Δ scaled down to length ≤ `bound`. */
export function clipped(global: Vector, updates: readonly ClientUpdate[], bound: number): ClientUpdate[] {
  return updates.map((update) => {
    const delta = difference(update.weights, global);
    return { ...update, weights: combine(global, [clipFactor(delta, bound)], [delta]) };
  });
}

/** Uniform mean of clipped updates, weighted by examples when `weighted` = 1. Parameter `clip` = C. */
export const normClip: Rule = ({ global, updates, parameters }: RuleInput) => {
  const safe = clipped(global, updates, parameters['clip']!);
  const shares = normalised(updates.map((update) => (parameters['weighted'] ? update.examples : 1)));
  return { weights: combine(global, shares, deltasOf(global, safe)) };
};
