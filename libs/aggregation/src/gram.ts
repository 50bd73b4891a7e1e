import { dot } from './vectors.js';
import type { Vector } from './vectors.js';

/** The symmetric N×N matrix of inner products ⟨Δ_i, Δ_j⟩ in float64: all that the robust rules need of the data. */
export type Gram = readonly Float64Array[];

/** One pass over the data: every pair once. */
export function gramOf(vectors: readonly Vector[]): Gram {
  const gram = vectors.map(() => new Float64Array(vectors.length));
  for (let i = 0; i < vectors.length; i += 1)
    for (let j = 0; j <= i; j += 1) gram[i]![j] = gram[j]![i] = dot(vectors[i]!, vectors[j]!);
  return gram;
}

/** ‖Δ_i − Δ_j‖², clamped at 0: cancellation may leave a small negative number. */
export function squaredDistance(gram: Gram, i: number, j: number): number {
  return Math.max(0, gram[i]![i]! + gram[j]![j]! - 2 * gram[i]![j]!);
}
