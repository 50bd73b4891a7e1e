import { elementCount } from '../onnx/parse-tensor.js';
import type { OnnxModel, OnnxNode, OnnxTensor } from '../onnx/model.js';
import { refuse } from '../onnx/refusal.js';

/** A dense layer of a chain: the names of its parameters and how the weights lie. */
export interface GemmLink {
  readonly kind: 'gemm';
  readonly weights: string;
  readonly bias: string;
  readonly transposed: boolean;
}

/** A link of a chain of layers, in the order of the forward pass. */
export type Link = GemmLink | { readonly kind: 'relu' | 'sigmoid' | 'softmax' } | { readonly kind: 'sub' | 'div'; readonly constant: string };

/** A forward graph that a gradient can be derived for. */
export interface Chain {
  readonly input: string;
  readonly features: number;
  readonly outputs: number;
  readonly links: readonly Link[];
  readonly initializers: ReadonlyMap<string, OnnxTensor>;
}

/**
 * Reads a model as a chain: fixed standardisation by Sub and Div, then Gemm, Relu, Sigmoid and Softmax. Refuses by rule
 * `not-a-chain`, `unsupported-operator` (the message names the operator) or `unsupported-attribute`.
 */
export function chainOf(model: OnnxModel): Chain {
  const { graph } = model;
  const initializers = new Map(graph.initializers.map((tensor) => [tensor.name, tensor]));
  const inputs = graph.inputs.filter(({ name }) => !initializers.has(name));
  const [input] = inputs;
  const [output] = graph.outputs;
  if (inputs.length !== 1 || input === undefined || graph.outputs.length !== 1 || output === undefined) return refuse('not-a-chain', 'the graph has not exactly one input and one output');
  const links: Link[] = [];
  let current = input.name;
  for (const node of graph.nodes) {
    if (node.domain !== '' && node.domain !== 'ai.onnx') refuse('unsupported-operator', 'an operator is of a custom domain');
    if (node.inputs[0] !== current || node.outputs.length !== 1) refuse('not-a-chain', `the operator ${node.opType} does not take the result of the one before`);
    links.push(linkOf(node, links, initializers));
    current = node.outputs[0]!;
  }
  if (current !== output.name) refuse('not-a-chain', 'the last operator is not the output');
  return { ...widths(links, initializers), input: input.name, links, initializers };
}

function linkOf(node: OnnxNode, before: readonly Link[], initializers: ReadonlyMap<string, OnnxTensor>): Link {
  switch (node.opType) {
    case 'Gemm':
      return gemmLink(node, before, initializers);
    case 'Relu':
      return { kind: 'relu' };
    case 'Sigmoid':
      return { kind: 'sigmoid' };
    case 'Softmax': {
      const axis = node.attributes.find(({ name }) => name === 'axis')?.int ?? -1n;
      if (axis !== -1n && axis !== 1n) refuse('unsupported-attribute', 'Softmax is over another axis than the last');
      return { kind: 'softmax' };
    }
    case 'Sub':
    case 'Div': {
      const constant = node.inputs[1] ?? '';
      if (before.some(({ kind }) => kind !== 'sub' && kind !== 'div')) refuse('unsupported-operator', `${node.opType} stands after the first layer`);
      if (node.inputs.length !== 2 || initializers.get(constant)?.elementType !== 'float') refuse('unsupported-operator', `${node.opType} is not by a constant`);
      return { kind: node.opType === 'Sub' ? 'sub' : 'div', constant };
    }
    default:
      return refuse('unsupported-operator', `no gradient is derived for the operator ${node.opType}`);
  }
}

function gemmLink(node: OnnxNode, before: readonly Link[], initializers: ReadonlyMap<string, OnnxTensor>): GemmLink {
  const flag = (name: string): bigint => node.attributes.find((attribute) => attribute.name === name)?.int ?? 0n;
  for (const name of ['alpha', 'beta']) {
    const value = node.attributes.find((attribute) => attribute.name === name)?.float ?? 1;
    if (value !== 1) refuse('unsupported-attribute', `Gemm has ${name} other than 1`);
  }
  if (flag('transA') !== 0n) refuse('unsupported-attribute', 'Gemm transposes its input');
  const [, weights = '', bias = ''] = node.inputs;
  for (const [name, rank] of [[weights, 2], [bias, 1]] as const) {
    const tensor = initializers.get(name);
    if (tensor?.elementType !== 'float' || tensor.data === undefined || tensor.dims.length !== rank) refuse('not-a-chain', 'Gemm has no stored float weights and bias');
    if (before.some((link) => link.kind === 'gemm' && (link.weights === name || link.bias === name))) refuse('not-a-chain', 'two layers share a parameter');
  }
  return { kind: 'gemm', weights, bias, transposed: flag('transB') !== 0n };
}

/** Width of a layer: how many values go in and come out. */
export function gemmWidths(link: GemmLink, initializers: ReadonlyMap<string, OnnxTensor>): { inputs: number; outputs: number } {
  const [rows, columns] = initializers.get(link.weights)!.dims as [number, number];
  return link.transposed ? { inputs: columns, outputs: rows } : { inputs: rows, outputs: columns };
}

function widths(links: readonly Link[], initializers: ReadonlyMap<string, OnnxTensor>): { features: number; outputs: number } {
  const layers = links.filter((link) => link.kind === 'gemm').map((link) => ({ link, ...gemmWidths(link, initializers) }));
  const [first] = layers;
  if (first === undefined) return refuse('not-a-chain', 'the graph has no layer');
  layers.forEach(({ link, outputs, inputs }, index) => {
    const before = layers[index - 1];
    if (before !== undefined && before.outputs !== inputs) refuse('not-a-chain', 'two layers do not fit together');
    if (elementCount(initializers.get(link.bias)!.dims) !== outputs) refuse('not-a-chain', 'a bias has not the width of its layer');
  });
  for (const link of links) {
    if ((link.kind === 'sub' || link.kind === 'div') && elementCount(initializers.get(link.constant)!.dims) !== first.inputs) refuse('not-a-chain', 'standardisation has not the width of the input');
  }
  return { features: first.inputs, outputs: layers.at(-1)!.outputs };
}
