import { aggregate, decodeWeights, encodeWeights, logisticProbabilities, publicRowsFor, trainLogistic, verdict } from '@skein/aggregation';
import type { BinaryRows, ClientUpdate } from '@skein/aggregation';
import { sha256Hex, unwrap } from '@skein/kernel';
import { classBalancedLoss } from '@skein/models';
import { RECIPE } from '../data/baselines.js';

/** The parameters that the nodes train. */
export const PARAMETERS = [
  { name: 'w1', dims: [8, 1] },
  { name: 'b1', dims: [1] },
] as const;

/** Bytes by their hash, as the artifact store would hold them. */
export class WeightStore {
  readonly #bytes = new Map<string, Uint8Array>();

  put(weights: Float32Array | Float64Array): string {
    const bytes = encodeWeights(PARAMETERS, weights);
    const sha256 = sha256Hex(bytes);
    this.#bytes.set(sha256, bytes);
    return sha256;
  }

  get(sha256: string): Float32Array {
    return unwrap(decodeWeights(PARAMETERS, this.#bytes.get(sha256) ?? new Uint8Array(0)));
  }
}

function lossOf(weights: Float32Array, parts: readonly BinaryRows[]): number {
  const scores = parts.flatMap((part) => [...logisticProbabilities(weights, part)]);
  const labels = parts.flatMap((part) => [...part.labels]);
  return classBalancedLoss('binary-cross-entropy', { rows: labels.length, outputs: 1, scores, labels });
}

/** A node of the bench: what the fl-node client does, by the reference arithmetic instead of the runner. */
export class BenchNode {
  #hasProposed = false;
  readonly id: string;
  readonly saboteur: boolean;
  readonly #train: BinaryRows;
  readonly #judgedOn: readonly BinaryRows[];

  constructor(id: string, rows: { train: BinaryRows; heldOut: BinaryRows; publicRows: BinaryRows }, saboteur: boolean) {
    this.id = id;
    this.saboteur = saboteur;
    this.#train = rows.train;
    const extra = publicRowsFor(rows.heldOut.labels, rows.publicRows.labels);
    this.#judgedOn = [rows.heldOut, pick(rows.publicRows, extra)];
  }

  /** Two local epochs from the current model; the saboteur's first and every update is −10·w_t. */
  propose(current: Float32Array, round: number, seed: number): { weights: Float64Array; examples: number } {
    this.#hasProposed = true;
    if (this.saboteur) return { weights: Float64Array.from(current, (w) => -10 * w), examples: this.#train.rows };
    const plan = { ...RECIPE, seed: `${seed}/${this.id}/${round}` };
    return { weights: trainLogistic(current, this.#train, plan).weights, examples: this.#train.rows };
  }

  /** Recomputes the aggregate and compares losses. */
  vote(current: Float32Array, updates: readonly ClientUpdate[], store: WeightStore, tolerance: number): { score: 1 | -1; sha256: string } {
    const sha256 = store.put(unwrap(aggregate('fedavg', { global: current, updates })).weights);
    const score = verdict(lossOf(current, this.#judgedOn), lossOf(store.get(sha256), this.#judgedOn), tolerance);
    return { score: this.saboteur && this.#hasProposed ? (-score as 1 | -1) : score, sha256 };
  }
}

/** Some rows by number. */
function pick(data: BinaryRows, rows: readonly number[]): BinaryRows {
  const { width } = data;
  const features = Float32Array.from(rows.flatMap((row) => [...data.features.subarray(row * width, (row + 1) * width)]));
  return { rows: rows.length, width, features, labels: Float32Array.from(rows, (row) => data.labels[row]!) };
}
