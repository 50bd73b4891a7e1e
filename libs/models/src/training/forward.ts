import { assert } from '@skein/kernel';
import { buildOnnx } from '../onnx/build.js';
import { floatInitializer, floatValue, modelOf, node } from '../onnx/construct.js';
import type { OnnxNode, OnnxTensor } from '../onnx/model.js';

/** One dense layer: y = x·W + b, `weights` row-major `inputs × outputs`. */
export interface DenseLayer {
  readonly inputs: number;
  readonly outputs: number;
  readonly weights: ArrayLike<number>;
  readonly bias: ArrayLike<number>;
}

/** A multilayer perceptron: Relu between layers, `output` after the last one (Softmax over the last axis). */
export interface PerceptronSpec {
  readonly layers: readonly DenseLayer[];
  readonly output: 'sigmoid' | 'softmax' | 'identity';
  /** Fixed standardisation (x − mean) / scale before the first layer. */
  readonly standardise?: { readonly mean: ArrayLike<number>; readonly scale: ArrayLike<number> };
}

/** Name of the only input and output of models made here. */
export const FORWARD_INPUT = 'x';
/** Name of the only output of models made here. */
export const FORWARD_OUTPUT = 'scores';

/**
 * Writes an MLP (one layer: logistic or linear regression) as ONNX: input `x` float `[N, features]`, output `scores` float
 * `[N, outputs]`, parameters `w1`, `b1`, `w2`, … in layer order.
 */
export function perceptronOnnx(spec: PerceptronSpec): Uint8Array {
  const [first] = spec.layers;
  const last = spec.layers.at(-1);
  assert(first !== undefined && last !== undefined, 'a perceptron has a layer');
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [];
  let current = standardisation(spec, first.inputs, nodes, initializers);
  spec.layers.forEach((layer, index) => {
    const number = index + 1;
    assert(layer.weights.length === layer.inputs * layer.outputs && layer.bias.length === layer.outputs, `layer ${number} has weights and bias of its shape`);
    initializers.push(floatInitializer(`w${number}`, [layer.inputs, layer.outputs], layer.weights), floatInitializer(`b${number}`, [layer.outputs], layer.bias));
    const isLast = layer === last;
    const sum = isLast && spec.output === 'identity' ? FORWARD_OUTPUT : `z${number}`;
    nodes.push(node('Gemm', [current, `w${number}`, `b${number}`], [sum]));
    if (!isLast) nodes.push(node('Relu', [sum], [`a${number}`]));
    current = `a${number}`;
    if (isLast && spec.output === 'sigmoid') nodes.push(node('Sigmoid', [sum], [FORWARD_OUTPUT]));
    if (isLast && spec.output === 'softmax') nodes.push(node('Softmax', [sum], [FORWARD_OUTPUT], { axis: -1n }));
  });
  return buildOnnx(
    modelOf('perceptron', {
      nodes,
      initializers,
      inputs: [floatValue(FORWARD_INPUT, ['N', first.inputs])],
      outputs: [floatValue(FORWARD_OUTPUT, ['N', last.outputs])],
    }),
  );
}

function standardisation(spec: PerceptronSpec, features: number, nodes: OnnxNode[], initializers: OnnxTensor[]): string {
  if (spec.standardise === undefined) return FORWARD_INPUT;
  const { mean, scale } = spec.standardise;
  assert(mean.length === features && scale.length === features, 'standardisation has a mean and a scale per feature');
  initializers.push(floatInitializer('mean', [features], mean), floatInitializer('scale', [features], scale));
  nodes.push(node('Sub', [FORWARD_INPUT, 'mean'], ['centred']), node('Div', ['centred', 'scale'], ['standardised']));
  return 'standardised';
}
