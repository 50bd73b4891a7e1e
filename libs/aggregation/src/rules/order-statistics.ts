import { perCoordinate } from '../vectors.js';
import type { Rule } from './rule.js';

const middle = (sorted: Float64Array): number => {
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
};

/** The median of every coordinate, unweighted; of an even count the mean of both middles (Yin et al. 2018). */
export const median: Rule = ({ updates }) => ({
  weights: perCoordinate(updates.map((update) => update.weights), (values) => middle(values.sort())),
});

/** The mean of every coordinate without the ⌊βN⌋ smallest and largest, unweighted. Parameter `beta` in [0, .5). */
export const trimmedMean: Rule = ({ updates, parameters }) => {
  const cut = Math.floor(parameters['beta']! * updates.length);
  return {
    weights: perCoordinate(updates.map((update) => update.weights), (values) => {
      const kept = values.sort().subarray(cut, values.length - cut);
      return kept.reduce((sum, value) => sum + value, 0) / kept.length;
    }),
  };
};
