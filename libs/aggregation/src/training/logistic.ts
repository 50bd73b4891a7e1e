import type { Vector } from '../vectors.js';
import { batchesOf } from './batches.js';
import type { TrainingPlan } from './batches.js';

/** Rows for binary classification: `features` row-major float32, already standardised; labels 0 or 1. */
export interface BinaryRows {
  readonly rows: number;
  readonly width: number;
  readonly features: Float32Array;
  readonly labels: Float32Array;
}

/** σ(b + Σ w_k x_k) of every row; weights are the coefficients followed by the bias. */
export function logisticProbabilities(weights: Vector, data: BinaryRows): Float64Array {
  const out = new Float64Array(data.rows);
  for (let row = 0; row < data.rows; row += 1) out[row] = probability(weights, data, row);
  return out;
}

function probability(weights: Vector, { width, features }: BinaryRows, row: number): number {
  let logit = weights[width]!;
  for (let k = 0; k < width; k += 1) logit += weights[k]! * features[row * width + k]!;
  return 1 / (1 + Math.exp(-logit));
}

/**
 * The reference arithmetic of local training: mini-batch gradient descent of the mean cross-entropy + L2/2·‖w‖² (the bias is
 * not decayed), in float64, batches by `batchesOf`. The ONNX step graphs do the same in float32. Returns new weights and the steps made.
 */
export function trainLogistic(start: Vector, data: BinaryRows, plan: TrainingPlan): { weights: Float64Array; steps: number } {
  const weights = Float64Array.from(start);
  const batches = batchesOf(data.rows, plan);
  for (const batch of batches) descend(weights, data, batch, plan);
  return { weights, steps: batches.length };
}

function descend(weights: Float64Array, data: BinaryRows, batch: readonly number[], plan: TrainingPlan): void {
  const { width, features, labels } = data;
  const gradient = new Float64Array(width + 1);
  for (const row of batch) {
    const error = (probability(weights, data, row) - labels[row]!) / batch.length;
    for (let k = 0; k < width; k += 1) gradient[k]! += error * features[row * width + k]!;
    gradient[width]! += error;
  }
  for (let k = 0; k < width; k += 1) weights[k]! -= plan.learningRate * (gradient[k]! + plan.l2 * weights[k]!);
  weights[width]! -= plan.learningRate * gradient[width]!;
}
