import { gramOf } from '../gram.js';
import type { Gram } from '../gram.js';
import { combine, deltasOf, normalised } from '../vectors.js';
import type { Rule } from './rule.js';

const STEP_MIN = 1e-12;

/** ‖Σ c_i Δ_i − Δ_p‖² out of the Gram matrix. */
function distancesTo(gram: Gram, coefficients: readonly number[]): number[] {
  const products = gram.map((row) => row.reduce((sum, value, j) => sum + value * coefficients[j]!, 0));
  const length = products.reduce((sum, product, i) => sum + product * coefficients[i]!, 0);
  return products.map((product, i) => Math.sqrt(Math.max(0, gram[i]![i]! - 2 * product + length)));
}

function quadratic(gram: Gram, coefficients: readonly number[]): number {
  return gram.reduce(
    (sum, row, i) => sum + coefficients[i]! * row.reduce((inner, value, j) => inner + value * coefficients[j]!, 0),
    0,
  );
}

/**
 * Smoothed Weiszfeld in the space of coefficients, starting at the weighted mean: every iterate is Σ c_i Δ_i, so one Gram pass
 * over the data serves all iterations. Returns the coefficients (sum 1).
 */
export function weiszfeld(gram: Gram, weights: readonly number[], nu: number, iterationsMax: number): number[] {
  let current = normalised(weights);
  for (let iteration = 0; iteration < iterationsMax; iteration += 1) {
    const distances = distancesTo(gram, current);
    const next = normalised(weights.map((weight, i) => weight / Math.max(nu, distances[i]!)));
    const step = Math.sqrt(Math.max(0, quadratic(gram, next.map((value, i) => value - current[i]!))));
    current = next;
    if (step < STEP_MIN) break;
  }
  return current;
}

/** The point of least summed distance to all updates over the whole vector (Pillutla et al. 2022). Parameters `nu`, `iterations`, `weighted`. */
export const geometricMedian: Rule = ({ global, updates, parameters }) => {
  const deltas = deltasOf(global, updates);
  const weights = updates.map((update) => (parameters['weighted'] ? update.examples : 1));
  const coefficients = weiszfeld(gramOf(deltas), weights, parameters['nu']!, parameters['iterations']!);
  return { weights: combine(global, coefficients, deltas) };
};
