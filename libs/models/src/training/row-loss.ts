import type { Predictions } from '../metrics/metrics.js';
import type { LossId } from './step-graph.js';

const FLOOR = 1e-7;
const clip = (probability: number): number => Math.min(Math.max(probability, FLOOR), 1 - FLOOR);

/** The loss of one row from a forward model's scores (float64; probabilities clipped to [1e-7, 1 − 1e-7]). */
export function rowLoss(loss: LossId, { outputs, scores, labels }: Predictions, row: number): number {
  const label = labels[row]!;
  let sum = 0;
  for (let output = 0; output < outputs; output++) {
    const score = scores[row * outputs + output]!;
    const target = outputs === 1 ? label : label === output ? 1 : 0;
    if (loss === 'mean-squared-error') sum += (score - target) ** 2 / outputs;
    else if (loss === 'binary-cross-entropy') sum -= (target * Math.log(clip(score)) + (1 - target) * Math.log(1 - clip(score))) / outputs;
    else if (target === 1) sum -= Math.log(clip(score));
  }
  return sum;
}

/** Mean over the classes that occur of the mean loss of their rows: what a voter of a federated round compares. */
export function classBalancedLoss(loss: LossId, predictions: Predictions): number {
  const classes = new Map<number, { sum: number; rows: number }>();
  for (let row = 0; row < predictions.rows; row++) {
    const entry = classes.get(predictions.labels[row]!) ?? { sum: 0, rows: 0 };
    entry.sum += rowLoss(loss, predictions, row);
    entry.rows += 1;
    classes.set(predictions.labels[row]!, entry);
  }
  const means = [...classes].sort(([a], [b]) => a - b).map(([, { sum, rows }]) => sum / rows);
  return means.reduce((total, value) => total + value, 0) / means.length;
}

/** Labels as the `y` of a step graph: one column of 0/1 (or values) for one output, else one-hot rows. */
export function targetsOf(labels: Float32Array, outputs: number): Float32Array {
  if (outputs === 1) return labels.slice();
  const targets = new Float32Array(labels.length * outputs);
  labels.forEach((label, row) => (targets[row * outputs + label] = 1));
  return targets;
}
