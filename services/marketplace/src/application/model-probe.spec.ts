import { ok, reject } from '@skein/kernel';
import { buildOnnx, floatInitializer, floatValue, modelOf, node, parseOnnx, perceptronOnnx } from '@skein/models';
import { describe, expect, test } from 'vitest';
import { countMacs, probeModel, type ProbeRunner } from './model-probe.js';

const dense = (inputs: number, outputs: number) => ({ inputs, outputs, weights: new Float32Array(inputs * outputs), bias: new Float32Array(outputs) });
const perceptron = perceptronOnnx({ layers: [dense(8, 6), dense(6, 2)], output: 'softmax' });

/** A runner whose runs take the given milliseconds, one after another. */
function runnerOf(...computeMs: number[]): ProbeRunner & { seen: number[][] } {
  const seen: number[][] = [];
  return {
    seen,
    infer: async ({ inputs }) => {
      seen.push([...inputs[0]!.dims, inputs[0]!.data.length]);
      return ok({ outputs: [], computeMs: computeMs[(seen.length - 1) % computeMs.length]! });
    },
    peakMemoryBytes: async () => 1_024,
  };
}

describe('a model', () => {
  test('is measured on a row of zeros: MACs of its products, the median of its runs, the bytes in and out', async () => {
    const runner = runnerOf(9, 0.5, 0.2, 0.3, 0.4);
    const probed = await probeModel(perceptron, 'sha', runner);
    expect(probed).toMatchObject({
      ok: true,
      value: {
        inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 8] }],
        outputs: [{ name: 'scores', datatype: 'FP32', shape: [-1, 2] }],
        probe: { macs: 8 * 6 + 6 * 2, cpuUs: 400, bytes: 40, peakMemoryBytes: 1_024 },
      },
    });
    expect(runner.seen).toEqual(Array.from({ length: 9 }, () => [1, 8, 32]));
  });

  test('counts a weight once per product', () => {
    const parsed = parseOnnx(perceptron);
    expect(parsed.ok && countMacs(parsed.value)).toBe(60);
  });
});

describe('refused is', () => {
  const rule = async (bytes: Uint8Array, runner = runnerOf(1)) => {
    const probed = await probeModel(bytes, 'sha', runner);
    return probed.ok ? 'admitted' : probed.error.rule;
  };
  const identity = (...values: Parameters<typeof modelOf>[1]['inputs']) =>
    buildOnnx(modelOf('m', { nodes: [node('Identity', ['x'], ['y'])], initializers: [], inputs: [...values], outputs: [floatValue('y', ['N', 2])] }));

  test.each<[string, Uint8Array, string]>([
    ['what is no ONNX', new Uint8Array([1, 2, 3]), 'valid-protobuf'],
    ['nothing', new Uint8Array(), 'valid-protobuf'],
    ['a truncated model', perceptron.slice(0, perceptron.length - 9), 'valid-protobuf'],
    ['an input of a type that is not served', identity({ name: 'x', elementType: 'bfloat16', shape: ['N', 2] }), 'tensor-type'],
    ['an input that is no tensor', identity({ name: 'x', shape: ['N', 2] }), 'tensor-type'],
    ['an input of unknown shape', identity({ name: 'x', elementType: 'float' }), 'tensor-shape'],
    ['a second open dimension', identity(floatValue('x', ['N', 'M'])), 'tensor-shape'],
    ['a fixed batch', identity(floatValue('x', [1, 2])), 'input-schema'],
    ['two inputs', identity(floatValue('x', ['N', 2]), floatValue('z', ['N', 2])), 'input-schema'],
  ])('%s', async (_, bytes, expected) => {
    expect(await rule(bytes)).toBe(expected);
  });

  test('a weight that is no number', async () => {
    const bytes = buildOnnx(modelOf('m', { nodes: [node('MatMul', ['x', 'w'], ['y'])], initializers: [floatInitializer('w', [2, 2], [1, Number.NaN, 0, 1])], inputs: [floatValue('x', ['N', 2])], outputs: [floatValue('y', ['N', 2])] }));
    expect(await rule(bytes)).toBe('finite-weights');
  });

  test('what does not run', async () => {
    const runner: ProbeRunner = { infer: async () => reject('invalid-argument', 'model-run', 'it does not run', 'model'), peakMemoryBytes: async () => 0 };
    expect(await probeModel(perceptron, 'sha', runner)).toMatchObject({ ok: false, error: { rule: 'model-run' } });
  });
});
