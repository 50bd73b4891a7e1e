import { err, ok, RejectionError, type Rejection, type Result } from '@skein/kernel';
import { buildOnnx } from '../onnx/build.js';
import { floatInitializer, floatsOf, floatValue, int64Initializer, modelOf, node } from '../onnx/construct.js';
import type { FloatTensor, OnnxModel, OnnxNode, OnnxTensor } from '../onnx/model.js';
import { parseOnnx } from '../onnx/parse.js';
import { refuse } from '../onnx/refusal.js';
import { chainOf, type Chain, type GemmLink, type Link } from './chain.js';

/**
 * What training minimises. `binary-cross-entropy`: last operator Sigmoid, mean over rows and outputs. `cross-entropy`: last
 * operator Softmax, labels one-hot, mean over rows. `mean-squared-error`: mean over rows and outputs.
 */
export type LossId = 'binary-cross-entropy' | 'cross-entropy' | 'mean-squared-error';

/** A training step as an ONNX graph. */
export interface StepGraph {
  /**
   * Inputs: every parameter by its name, `x` float `[N, features]`, `y` float `[N, outputs]`, `lr` and `l2` float scalars.
   * Outputs: `next.<parameter>` of the same shape, and `loss` (scalar, of the parameters that came in, without penalty).
   * next = parameter − lr·(gradient + l2·parameter); biases have no l2 part.
   */
  readonly bytes: Uint8Array;
  /** Names and shapes of the parameters, in the order of the layers (weights, bias, weights, …). */
  readonly parameters: readonly { readonly name: string; readonly dims: readonly number[] }[];
  readonly loss: LossId;
  readonly features: number;
  readonly outputs: number;
}

/**
 * Derives the training step of a forward model (see `chainOf` for which graphs). Refuses by rule: those of `parseOnnx`,
 * `not-a-chain`, `unsupported-operator`, `unsupported-attribute`, `unsupported-loss`, `reserved-name`.
 */
export function deriveStepGraph(forward: Uint8Array | OnnxModel, loss: LossId): Result<StepGraph, Rejection> {
  try {
    return ok(derive(chainOf(modelFrom(forward)), loss));
  } catch (error) {
    if (error instanceof RejectionError) return err(error.rejection);
    throw error;
  }
}

const modelFrom = (forward: Uint8Array | OnnxModel): OnnxModel => {
  if (!(forward instanceof Uint8Array)) return forward;
  const parsed = parseOnnx(forward);
  if (!parsed.ok) throw new RejectionError(parsed.error);
  return parsed.value;
};

/** The trainable parameters of a forward model with their present values, in the order of `StepGraph.parameters`. */
export function trainableParameters(forward: Uint8Array | OnnxModel): Result<FloatTensor[], Rejection> {
  try {
    const chain = chainOf(modelFrom(forward));
    return ok(parameterTensors(chain).map(({ name, dims, data }) => ({ name, dims, values: floatsOf(data!) })));
  } catch (error) {
    if (error instanceof RejectionError) return err(error.rejection);
    throw error;
  }
}

const gemms = (chain: Chain): GemmLink[] => chain.links.filter((link) => link.kind === 'gemm');

const parameterTensors = (chain: Chain): OnnxTensor[] => gemms(chain).flatMap(({ weights, bias }) => [chain.initializers.get(weights)!, chain.initializers.get(bias)!]);

const RESERVED = /^(x|y|lr|l2|loss|next\..*|s\..*)$/;

/** Collects the nodes and constants of a step; every name made here begins with `s.`. */
class StepBuilder {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];
  #count = 0;

  /** Adds a node with one new output and returns its name. */
  add(opType: string, inputs: readonly string[], attributes: Parameters<typeof node>[3] = {}): string {
    const name = `s.${this.#count++}`;
    this.nodes.push(node(opType, inputs, [name], attributes));
    return name;
  }

  /** Adds a node whose output has a given name. */
  named(opType: string, inputs: readonly string[], output: string, attributes: Parameters<typeof node>[3] = {}): void {
    this.nodes.push(node(opType, inputs, [output], attributes));
  }

  scalar(value: number): string {
    const name = `s.${this.#count++}`;
    this.initializers.push(floatInitializer(name, [], [value]));
    return name;
  }

  axes(...axes: bigint[]): string {
    const name = `s.${this.#count++}`;
    this.initializers.push(int64Initializer(name, axes));
    return name;
  }
}

function derive(chain: Chain, loss: LossId): StepGraph {
  const parameters = parameterTensors(chain).map(({ name, dims }) => ({ name, dims }));
  for (const { name } of parameters) if (RESERVED.test(name)) refuse('reserved-name', 'a parameter has a name that the step graph needs itself');
  const step = new StepBuilder();
  const trace = forwardPass(chain, step);
  let gradient = lossAndGradient(chain, loss, trace, step);
  const fused = loss === 'mean-squared-error' ? 0 : 1;
  for (let index = chain.links.length - 1 - fused; index >= 0; index--) {
    gradient = backward(chain.links[index]!, trace[index]!, trace[index + 1]!, gradient, step);
  }
  const bytes = buildOnnx(
    modelOf('training-step', {
      nodes: step.nodes,
      initializers: step.initializers,
      inputs: [
        ...parameters.map(({ name, dims }) => floatValue(name, dims)),
        floatValue('x', ['N', chain.features]),
        floatValue('y', ['N', chain.outputs]),
        floatValue('lr', []),
        floatValue('l2', []),
      ],
      outputs: [...parameters.map(({ name, dims }) => floatValue(`next.${name}`, dims)), floatValue('loss', [])],
    }),
  );
  return { bytes, parameters, loss, features: chain.features, outputs: chain.outputs };
}

/** Names of the value before each link and after the last one. */
function forwardPass(chain: Chain, step: StepBuilder): string[] {
  const trace = ['x'];
  for (const link of chain.links) {
    const current = trace.at(-1)!;
    trace.push(forwardLink(chain, link, current, step));
  }
  return trace;
}

function forwardLink(chain: Chain, link: Link, current: string, step: StepBuilder): string {
  switch (link.kind) {
    case 'gemm':
      return step.add('Gemm', [current, link.weights, link.bias], link.transposed ? { transB: 1n } : {});
    case 'relu':
      return step.add('Relu', [current]);
    case 'sigmoid':
      return step.add('Sigmoid', [current]);
    case 'softmax':
      return step.add('Softmax', [current], { axis: -1n });
    case 'sub':
    case 'div': {
      const constant = chain.initializers.get(link.constant)!;
      const name = `s.${link.kind}.${step.initializers.length}`;
      step.initializers.push({ ...constant, name });
      return step.add(link.kind === 'sub' ? 'Sub' : 'Div', [current, name]);
    }
  }
}

/** Adds the loss output; returns the gradient by the value before the fused last activation (or by the output itself). */
function lossAndGradient(chain: Chain, loss: LossId, trace: readonly string[], step: StepBuilder): string {
  const last = chain.links.at(-1)!.kind;
  const output = trace.at(-1)!;
  const difference = step.add('Sub', [output, 'y']);
  const elements = step.add('Cast', [step.add('Size', ['y'])], { to: 1n });
  const all = step.axes(0n, 1n);
  const meanOver = (values: string): void => step.named('Div', [step.add('ReduceSum', [values, all], { keepdims: 0n }), elements], 'loss');
  if (loss === 'mean-squared-error') {
    meanOver(step.add('Mul', [difference, difference]));
    return step.add('Div', [step.add('Mul', [difference, step.scalar(2)]), elements]);
  }
  const logits = trace.at(-2)!;
  if (loss === 'binary-cross-entropy') {
    if (last !== 'sigmoid') refuse('unsupported-loss', 'binary cross entropy needs Sigmoid as the last operator');
    const tail = step.add('Softplus', [step.add('Neg', [step.add('Abs', [logits])])]);
    const linear = step.add('Sub', [step.add('Relu', [logits]), step.add('Mul', [logits, 'y'])]);
    meanOver(step.add('Add', [linear, tail]));
    return step.add('Div', [difference, elements]);
  }
  if (last !== 'softmax') refuse('unsupported-loss', 'cross entropy needs Softmax as the last operator');
  const rows = step.add('Div', [elements, step.scalar(chain.outputs)]);
  const chosen = step.add('Mul', [step.add('LogSoftmax', [logits], { axis: -1n }), 'y']);
  step.named('Div', [step.add('Neg', [step.add('ReduceSum', [chosen, all], { keepdims: 0n })]), rows], 'loss');
  return step.add('Div', [difference, rows]);
}

/** Goes back over one link: adds the updates of its parameters and returns the gradient by its input (unused ones are pruned by the runtime). */
function backward(link: Link, before: string, after: string, gradient: string, step: StepBuilder): string {
  switch (link.kind) {
    case 'gemm':
      return backwardGemm(link, before, gradient, step);
    case 'relu':
      return step.add('Mul', [gradient, step.add('Cast', [step.add('Greater', [before, step.scalar(0)])], { to: 1n })]);
    case 'sigmoid':
      return step.add('Mul', [gradient, step.add('Mul', [after, step.add('Sub', [step.scalar(1), after])])]);
    case 'softmax': {
      const inner = step.add('ReduceSum', [step.add('Mul', [gradient, after]), step.axes(1n)], { keepdims: 1n });
      return step.add('Mul', [after, step.add('Sub', [gradient, inner])]);
    }
    case 'sub':
    case 'div':
      return gradient;
  }
}

function backwardGemm(link: GemmLink, before: string, gradient: string, step: StepBuilder): string {
  const byWeights = link.transposed ? step.add('Gemm', [gradient, before], { transA: 1n }) : step.add('Gemm', [before, gradient], { transA: 1n });
  const byBias = step.add('ReduceSum', [gradient, step.axes(0n)], { keepdims: 0n });
  const byInput = step.add('Gemm', [gradient, link.weights], link.transposed ? {} : { transB: 1n });
  const penalised = step.add('Add', [byWeights, step.add('Mul', ['l2', link.weights])]);
  step.named('Sub', [link.weights, step.add('Mul', ['lr', penalised])], `next.${link.weights}`);
  step.named('Sub', [link.bias, step.add('Mul', ['lr', byBias])], `next.${link.bias}`);
  return byInput;
}
