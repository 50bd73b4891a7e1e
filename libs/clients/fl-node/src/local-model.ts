import { batchesOf, federatedStep, publicRowsFor, verdict } from '@skein/aggregation';
import type { LocalRows } from '@skein/aggregation';
import { sha256Hex, unwrap } from '@skein/kernel';
import { classBalancedLoss, flattenParameters, parseOnnx, selectRows, targetsOf, unflattenParameters, withParameters } from '@skein/models';
import type { Dataset, OnnxModel, StepGraph } from '@skein/models';
import { floatTensor, toFloatTensor } from '@skein/runner';
import type { Runner } from '@skein/runner';

/** How to train in a round, from the manifest. */
export interface LocalTraining {
  readonly localEpochs: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly l2: number;
}

/**
 * The task's model on this node: trains and judges weights on local rows, in a runner. No row leaves the process but into
 * that runner.
 */
export class LocalModel {
  readonly #runner: Runner;
  readonly #forward: OnnxModel;
  readonly #step: StepGraph;
  readonly #rows: LocalRows;
  readonly #judged: readonly Dataset[];

  constructor(runner: Runner, forward: Uint8Array, rows: LocalRows, publicRows: Dataset) {
    this.#runner = runner;
    this.#forward = unwrap(parseOnnx(forward));
    this.#step = unwrap(federatedStep(forward));
    this.#rows = rows;
    const extra = selectRows(publicRows, publicRowsFor(rows.heldOut.labels, publicRows.labels));
    this.#judged = [rows.heldOut, extra].filter((part) => part.rows > 0);
  }

  /** Trainable tensors, in the order of flat weights. */
  get parameters(): StepGraph['parameters'] {
    return this.#step.parameters;
  }

  /** Rows it trains on: n_i. */
  get examples(): number {
    return this.#rows.train.rows;
  }

  /** Trains from the given weights; `seed` decides the order of rows. */
  async train(weights: Float32Array, training: LocalTraining, seed: string): Promise<Float32Array> {
    const { rows, features, labels, columns } = this.#rows.train;
    const { outputs } = this.#step;
    const plan = { epochs: training.localEpochs, batch: training.batch, seed };
    const outcome = await this.#runner.train({
      stepGraph: this.#step.bytes,
      parameters: unflattenParameters(this.parameters, weights).map(({ name, dims, values }) => floatTensor(name, dims, values)),
      x: floatTensor('x', [rows, columns.length], features),
      y: floatTensor('y', [rows, outputs], targetsOf(labels, outputs)),
      batches: batchesOf(rows, plan),
      learningRate: training.learningRate,
      l2: training.l2,
    });
    const trained = new Map(unwrap(outcome).parameters.map((tensor) => [tensor.name, toFloatTensor(tensor)]));
    return flattenParameters(this.parameters.map(({ name }) => trained.get(name)!));
  }

  /** Class-balanced loss of the weights on the held-out rows (with public rows of rare classes). */
  async loss(weights: Float32Array): Promise<number> {
    const model = withParameters(this.#forward, unflattenParameters(this.parameters, weights));
    const modelKey = sha256Hex(model);
    const scores: number[] = [];
    const labels: number[] = [];
    for (const part of this.#judged) {
      const x = floatTensor(this.#inputName(), [part.rows, part.columns.length], part.features);
      const { outputs } = unwrap(await this.#runner.infer({ modelKey, model, inputs: [x] }));
      for (const score of toFloatTensor(outputs[0]!).values) scores.push(score);
      labels.push(...part.labels);
    }
    return classBalancedLoss(this.#step.loss, { rows: labels.length, outputs: this.#step.outputs, scores, labels });
  }

  /** +1 or −1: is the candidate at most a little worse than the current model here? */
  async judge(current: Float32Array, candidate: Float32Array, tolerance: number): Promise<1 | -1> {
    return verdict(await this.loss(current), await this.loss(candidate), tolerance);
  }

  #inputName(): string {
    const constants = new Set(this.#forward.graph.initializers.map(({ name }) => name));
    return this.#forward.graph.inputs.find(({ name }) => !constants.has(name))!.name;
  }
}
