import type { RandomSource } from '@skein/kernel';

/** Rows for training: `features` row-major `rows × width`, `labels` 0 or 1 per row. */
export interface TrainingRows {
  readonly rows: number;
  readonly width: number;
  readonly features: ArrayLike<number>;
  readonly labels: ArrayLike<number>;
}

/** One dense layer: `weights` row-major `inputs × outputs`, `bias` one per output. */
export interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  readonly weights: Float64Array;
  readonly bias: Float64Array;
}

/** A trained binary classifier: standardise, then dense layers with relu between and a sigmoid at the end. */
export interface Network {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
  readonly layers: readonly Layer[];
}

/** How a network is trained: full-batch gradient descent on log loss with momentum .9 and an L2 penalty on weights. */
export interface TrainingPlan {
  /** Widths of the hidden layers; none makes a logistic regression. */
  readonly hidden: readonly number[];
  readonly epochs: number;
  readonly learningRate: number;
  readonly l2: number;
  readonly random: { float(): number } & RandomSource;
}

const MOMENTUM = 0.9;

/** Mean and deviation of each column; a constant column gets the deviation 1. */
export function standardisation(rows: TrainingRows): { mean: Float64Array; deviation: Float64Array } {
  const mean = new Float64Array(rows.width);
  const deviation = new Float64Array(rows.width);
  const cell = (row: number, column: number): number => rows.features[row * rows.width + column] as number;
  for (let column = 0; column < rows.width; column++) {
    for (let row = 0; row < rows.rows; row++) mean[column]! += cell(row, column) / rows.rows;
    for (let row = 0; row < rows.rows; row++) deviation[column]! += (cell(row, column) - mean[column]!) ** 2 / rows.rows;
    deviation[column] = Math.sqrt(deviation[column]!) || 1;
  }
  return { mean, deviation };
}

function newLayer(inputs: number, outputs: number, random: { float(): number }): Layer {
  const limit = Math.sqrt(6 / (inputs + outputs));
  return { inputs, outputs, weights: Float64Array.from({ length: inputs * outputs }, () => (random.float() * 2 - 1) * limit), bias: new Float64Array(outputs) };
}

/** Trains from a random start and returns the network. Refuses rows with a label other than 0 and 1. */
export function trainNetwork(rows: TrainingRows, plan: TrainingPlan): Network {
  for (let row = 0; row < rows.rows; row++) if (rows.labels[row] !== 0 && rows.labels[row] !== 1) throw new Error(`row ${row}: the label must be 0 or 1, not ${rows.labels[row]}`);
  const scale = standardisation(rows);
  const widths = [rows.width, ...plan.hidden, 1];
  const layers = widths.slice(1).map((outputs, index) => newLayer(widths[index]!, outputs, plan.random));
  const network = { ...scale, layers };
  const speed = layers.map(({ weights, bias }) => ({ weights: new Float64Array(weights.length), bias: new Float64Array(bias.length) }));
  for (let epoch = 0; epoch < plan.epochs; epoch++) step(network, rows, speed, plan);
  return network;
}

type Gradient = { weights: Float64Array; bias: Float64Array };

function step(network: Network, rows: TrainingRows, speed: Gradient[], plan: TrainingPlan): void {
  const sum = network.layers.map(({ weights, bias }) => ({ weights: new Float64Array(weights.length), bias: new Float64Array(bias.length) }));
  for (let row = 0; row < rows.rows; row++) accumulate(network, rows, row, sum);
  network.layers.forEach((layer, index) => {
    const [total, velocity] = [sum[index]!, speed[index]!];
    descend(layer.weights, total.weights, velocity.weights, rows.rows, plan.learningRate, plan.l2);
    descend(layer.bias, total.bias, velocity.bias, rows.rows, plan.learningRate, 0);
  });
}

function descend(values: Float64Array, gradient: Float64Array, velocity: Float64Array, rows: number, learningRate: number, l2: number): void {
  for (let at = 0; at < values.length; at++) {
    velocity[at] = MOMENTUM * velocity[at]! - learningRate * (gradient[at]! / rows + l2 * values[at]!);
    values[at]! += velocity[at]!;
  }
}

/** Activations of every layer for one row, the standardised input first, the probability last. */
function forward(network: Network, rows: TrainingRows, row: number): Float64Array[] {
  const input = Float64Array.from(network.mean, (mean, column) => ((rows.features[row * rows.width + column] as number) - mean) / network.deviation[column]!);
  const activations = [input];
  network.layers.forEach((layer, index) => {
    const from = activations[index]!;
    const last = index === network.layers.length - 1;
    activations.push(
      Float64Array.from(layer.bias, (bias, output) => {
        let value = bias;
        for (let at = 0; at < layer.inputs; at++) value += from[at]! * layer.weights[at * layer.outputs + output]!;
        return last ? 1 / (1 + Math.exp(-value)) : Math.max(0, value);
      }),
    );
  });
  return activations;
}

function accumulate(network: Network, rows: TrainingRows, row: number, sum: Gradient[]): void {
  const activations = forward(network, rows, row);
  let delta = Float64Array.of(activations.at(-1)![0]! - (rows.labels[row] as number));
  for (let index = network.layers.length - 1; index >= 0; index--) {
    const [layer, from, total, ahead] = [network.layers[index]!, activations[index]!, sum[index]!, delta];
    for (let output = 0; output < layer.outputs; output++) total.bias[output]! += ahead[output]!;
    delta = new Float64Array(layer.inputs);
    for (let at = 0; at < layer.inputs; at++)
      for (let output = 0; output < layer.outputs; output++) {
        total.weights[at * layer.outputs + output]! += from[at]! * ahead[output]!;
        if (index > 0 && from[at]! > 0) delta[at]! += layer.weights[at * layer.outputs + output]! * ahead[output]!;
      }
  }
}

/** Probability of class 1 for every row. */
export function predict(network: Network, rows: TrainingRows): Float64Array {
  return Float64Array.from({ length: rows.rows }, (_, row) => forward(network, rows, row).at(-1)![0]!);
}
