import { DeterministicRandom, utf8 } from '@skein/kernel';
import { deriveStepGraph, type FloatTensor, type LossId, parseOnnx, perceptronOnnx, type PerceptronSpec, trainableParameters, withParameters } from '@skein/models';
import { afterAll, describe, expect, it } from 'vitest';
import { floatTensor, RunnerPool, toFloatTensor } from './index.js';

const pool = new RunnerPool({ pooledMax: 1 });
afterAll(() => pool.stop());

const rng = new DeterministicRandom(utf8('step graphs'));
const numbers = (count: number, scale = 1): number[] => Array.from({ length: count }, () => (rng.float() * 2 - 1) * scale);
const layer = (inputs: number, outputs: number) => ({ inputs, outputs, weights: numbers(inputs * outputs), bias: numbers(outputs) });

const ROWS = 7;
const x = numbers(ROWS * 3, 2);

interface Case {
  readonly name: string;
  readonly spec: PerceptronSpec;
  readonly loss: LossId;
  readonly y: number[];
}

const oneHot = (classes: number): number[] => Array.from({ length: ROWS }, (_, row) => Array.from({ length: classes }, (__, c) => (row % classes === c ? 1 : 0))).flat();
const standardise = { mean: [0.5, -0.25, 0], scale: [2, 0.5, 1] };

const cases: Case[] = [
  { name: 'logistic regression', spec: { layers: [layer(3, 1)], output: 'sigmoid', standardise }, loss: 'binary-cross-entropy', y: oneHot(2).slice(0, ROWS) },
  { name: 'perceptron with softmax', spec: { layers: [layer(3, 5), layer(5, 4), layer(4, 3)], output: 'softmax', standardise }, loss: 'cross-entropy', y: oneHot(3) },
  { name: 'regression', spec: { layers: [layer(3, 4), layer(4, 2)], output: 'identity' }, loss: 'mean-squared-error', y: numbers(ROWS * 2) },
  { name: 'squared error of a softmax', spec: { layers: [layer(3, 3)], output: 'softmax' }, loss: 'mean-squared-error', y: oneHot(3) },
  { name: 'squared error of a sigmoid', spec: { layers: [layer(3, 3), layer(3, 2)], output: 'sigmoid' }, loss: 'mean-squared-error', y: oneHot(2) },
];

/** The same losses in float64, straight from their definitions. */
function lossOf({ spec, loss, y }: Case, parameters: readonly FloatTensor[]): number {
  let total = 0;
  for (let row = 0; row < ROWS; row++) {
    let values = x.slice(row * 3, row * 3 + 3).map((value, i) => (spec.standardise ? (value - spec.standardise.mean[i]!) / spec.standardise.scale[i]! : value));
    spec.layers.forEach(({ inputs, outputs }, index) => {
      const [w, b] = [parameters[2 * index]!.values, parameters[2 * index + 1]!.values];
      values = Array.from({ length: outputs }, (_, o) => values.reduce((sum, value, i) => sum + value * w[i * outputs + o]!, b[o]!));
      if (index < spec.layers.length - 1) values = values.map((value) => Math.max(value, 0));
      expect(values).toHaveLength(index < spec.layers.length - 1 ? spec.layers[index + 1]!.inputs : outputs);
      expect(inputs).toBeGreaterThan(0);
    });
    if (spec.output === 'sigmoid') values = values.map((value) => 1 / (1 + Math.exp(-value)));
    if (spec.output === 'softmax') {
      const exps = values.map(Math.exp);
      values = exps.map((value) => value / exps.reduce((a, c) => a + c));
    }
    const targets = y.slice(row * values.length, (row + 1) * values.length);
    values.forEach((value, i) => {
      const target = targets[i]!;
      if (loss === 'mean-squared-error') total += (value - target) ** 2 / (ROWS * values.length);
      else if (loss === 'cross-entropy') total -= (target * Math.log(value)) / ROWS;
      else total -= (target * Math.log(value) + (1 - target) * Math.log(1 - value)) / (ROWS * values.length);
    });
  }
  return total;
}

async function step(test: Case, learningRate: number, l2: number): Promise<{ before: FloatTensor[]; after: FloatTensor[]; loss: number }> {
  const forward = perceptronOnnx(test.spec);
  const graph = deriveStepGraph(forward, test.loss);
  const before = trainableParameters(forward);
  if (!graph.ok || !before.ok) throw new Error('the graph is a chain');
  const trained = await pool.train({
    stepGraph: graph.value.bytes,
    parameters: before.value.map(({ name, dims, values }) => floatTensor(name, dims, values)),
    x: floatTensor('x', [ROWS, 3], x),
    y: floatTensor('y', [ROWS, graph.value.outputs], test.y),
    batches: [Array.from({ length: ROWS }, (_, row) => row)],
    learningRate,
    l2,
  });
  if (!trained.ok) throw new Error(trained.error.rule);
  return { before: before.value, after: trained.value.parameters.map(toFloatTensor), loss: trained.value.losses[0]! };
}

describe('step graphs', () => {
  it.each(cases)('give the loss and the gradient of $name (against central differences)', async (test) => {
    const { before, after, loss } = await step(test, 1, 0);
    expect(loss).toBeCloseTo(lossOf(test, before), 5);
    for (const [index, parameter] of before.entries()) {
      for (let i = 0; i < parameter.values.length; i++) {
        const h = 1e-3;
        const moved = (by: number): FloatTensor[] => before.map((tensor, at) => (at === index ? { ...tensor, values: tensor.values.map((value, j) => (j === i ? value + by : value)) } : tensor));
        const [up, down] = [moved(h), moved(-h)];
        const width = up[index]!.values[i]! - down[index]!.values[i]!;
        const numeric = (lossOf(test, up) - lossOf(test, down)) / width;
        expect(parameter.values[i]! - after[index]!.values[i]!).toBeCloseTo(numeric, 3);
      }
    }
  });

  it('shrinks weights by l2 and leaves biases', async () => {
    const [test] = cases;
    const plain = await step(test!, 0.5, 0);
    const shrunk = await step(test!, 0.5, 0.1);
    plain.after[0]!.values.forEach((value, i) => expect(value - shrunk.after[0]!.values[i]!).toBeCloseTo(0.5 * 0.1 * plain.before[0]!.values[i]!, 5));
    expect(shrunk.after[1]!.values).toEqual(plain.after[1]!.values);
  });

  it('repeats bit for bit, also over many batches, and fits back into the forward model', async () => {
    const test = cases[1]!;
    const forward = perceptronOnnx(test.spec);
    const graph = deriveStepGraph(forward, test.loss);
    const before = trainableParameters(forward);
    const model = parseOnnx(forward);
    if (!graph.ok || !before.ok || !model.ok) throw new Error('the graph is a chain');
    const request = {
      stepGraph: graph.value.bytes,
      parameters: before.value.map(({ name, dims, values }) => floatTensor(name, dims, values)),
      x: floatTensor('x', [ROWS, 3], x),
      y: floatTensor('y', [ROWS, 3], test.y),
      batches: Array.from({ length: 50 }, (_, i) => [i % ROWS, (i + 3) % ROWS, (i + 5) % ROWS]),
      learningRate: 0.1,
      l2: 1e-4,
    };
    const [first, second] = [await pool.train(request), await pool.train(request)];
    expect(first.ok && first.value.losses).toHaveLength(50);
    expect(second).toEqual(first);
    if (!first.ok) throw new Error(first.error.rule);
    expect(first.value.losses.at(-1)!).toBeLessThan(first.value.losses[0]!);
    const next = trainableParameters(withParameters(model.value, first.value.parameters.map(toFloatTensor)));
    expect(next.ok && next.value.map(({ values }) => values)).toEqual(first.value.parameters.map((tensor) => toFloatTensor(tensor).values));
  });
});
