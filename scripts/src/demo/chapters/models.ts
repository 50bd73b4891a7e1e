import { DeterministicRandom, sha256, utf8 } from '@skein/kernel';
import { buildOnnx, parseOnnx, perceptronOnnx, type Dataset } from '@skein/models';
import { exportNetwork, trainNetwork } from '@skein/trainer';

/** Trains on the public rows, for real: a logistic regression, or a perceptron with one hidden layer. */
export function trained(open: Dataset, kind: 'logistic' | 'perceptron', seed: string, epoch: number): Uint8Array {
  const random = new DeterministicRandom(sha256(utf8(`skein/demo/train/${seed}/${kind}/${epoch}`)));
  const rows = { rows: open.rows, width: open.columns.length, features: open.features, labels: open.labels };
  const plan = kind === 'logistic' ? { hidden: [], epochs: 40 * epoch, learningRate: 0.05, l2: 2e-2 } : { hidden: [4], epochs: 20 * epoch, learningRate: 0.05, l2: 5e-2 };
  return exportNetwork(trainNetwork(rows, { ...plan, random }));
}

/** A model that says the opposite of what a trained one says: valid, and truly bad. */
export function bad(open: Dataset, seed: string, epoch: number): Uint8Array {
  const flipped = { ...open, labels: open.labels.map((label) => 1 - label) };
  return trained(flipped, 'logistic', `${seed}/bad`, epoch);
}

/** A model whose weights are said to lie in a file beside it: whoever loads it reads the validator's disk. */
export function hostile(width: number): Uint8Array {
  const parsed = parseOnnx(perceptronOnnx({ layers: [{ inputs: width, outputs: 1, weights: new Float32Array(width), bias: [0] }], output: 'sigmoid' }));
  if (!parsed.ok) throw new Error(parsed.error.message);
  const { graph } = parsed.value;
  const initializers = graph.initializers.map((tensor) => (tensor.name === 'w1' ? { name: tensor.name, elementType: tensor.elementType, dims: tensor.dims, external: true } : tensor));
  return buildOnnx({ ...parsed.value, graph: { ...graph, initializers } });
}
