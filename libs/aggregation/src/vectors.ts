/** A model's trainable parameters laid out flat, in the manifest's order. Sums are made in float64 whatever the storage. */
export type Vector = Float32Array | Float64Array;

/** One client's trained weights for a round. */
export interface ClientUpdate {
  /** The node's id (its CAIP-10 wallet). Updates are summed in the order of this id, by code unit. */
  readonly nodeId: string;
  /** Rows it trained on: n_i > 0. Self-declared, so robust rules ignore it unless asked. */
  readonly examples: number;
  /** w_i, the whole weights after training, not the difference. */
  readonly weights: Vector;
  /** a_i, gradient steps it made; FedNova needs it. */
  readonly localSteps?: number;
  /** τ_i, rounds between the model it started from and now; FedBuff needs it. */
  readonly staleness?: number;
}

const byNodeId = (a: ClientUpdate, b: ClientUpdate): number => (a.nodeId < b.nodeId ? -1 : a.nodeId > b.nodeId ? 1 : 0);

/** The updates in the one order in which everyone sums them: by node id, code unit by code unit. */
export const sortedByNode = (updates: readonly ClientUpdate[]): ClientUpdate[] => [...updates].sort(byNodeId);

/** Σ a_k b_k in index order, in float64. */
export function dot(a: Vector, b: Vector): number {
  let sum = 0;
  for (let k = 0; k < a.length; k += 1) sum += a[k]! * b[k]!;
  return sum;
}

/** Euclidean length. */
export const norm = (vector: Vector): number => Math.sqrt(dot(vector, vector));

/** a − b in float64. */
export function difference(a: Vector, b: Vector): Float64Array {
  const out = new Float64Array(a.length);
  for (let k = 0; k < out.length; k += 1) out[k] = a[k]! - b[k]!;
  return out;
}

/** Δ_i = w_i − w_t of every update, in the updates' order. */
export const deltasOf = (global: Vector, updates: readonly ClientUpdate[]): Float64Array[] =>
  updates.map((update) => difference(update.weights, global));

/** base + Σ coefficients_i · vectors_i, vectors in index order. */
export function combine(base: Vector, coefficients: readonly number[], vectors: readonly Vector[]): Float64Array {
  const out = Float64Array.from(base);
  vectors.forEach((vector, i) => {
    const factor = coefficients[i]!;
    if (factor !== 0) for (let k = 0; k < out.length; k += 1) out[k] = out[k]! + factor * vector[k]!;
  });
  return out;
}

/** Weights scaled to sum 1. */
export function normalised(weights: readonly number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** The middle of the numbers; of an even count the mean of both middles. */
export function medianOf(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** Applies `pick` to the values of every coordinate over the vectors. */
export function perCoordinate(vectors: readonly Vector[], pick: (values: Float64Array) => number): Float64Array {
  const out = new Float64Array(vectors[0]!.length);
  const values = new Float64Array(vectors.length);
  for (let k = 0; k < out.length; k += 1) {
    for (let i = 0; i < vectors.length; i += 1) values[i] = vectors[i]![k]!;
    out[k] = pick(values);
  }
  return out;
}
