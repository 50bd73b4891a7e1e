import { utf8 } from '@skein/kernel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildOnnx } from '../onnx/build.js';
import { floatInitializer, floatValue, modelOf, node } from '../onnx/construct.js';
import type { OnnxAttribute, OnnxModel, OnnxNode } from '../onnx/model.js';
import { parseOnnx } from '../onnx/parse.js';
import { WireWriter } from '../onnx/wire-writer.js';
import type { ModelLimits, TaskSchema } from '../task-schema.js';
import { perceptronOnnx } from '../training/forward.js';
import { mutationsOf } from '../../test/mutations.js';
import { admit } from './admit.js';

const schema: TaskSchema = { input: { name: 'x', elementType: 'float', shape: [3] }, output: { name: 'scores', elementType: 'float', shape: [2] } };
const layer = (inputs: number, outputs: number, value = 0.5) => ({ inputs, outputs, weights: new Array<number>(inputs * outputs).fill(value), bias: new Array<number>(outputs).fill(0) });
const valid = perceptronOnnx({ layers: [layer(3, 4), layer(4, 2)], output: 'softmax', standardise: { mean: [1, 2, 3], scale: [1, 1, 1] } });

function parsed(bytes: Uint8Array): OnnxModel {
  const model = parseOnnx(bytes);
  if (!model.ok) throw new Error(model.error.message);
  return model.value;
}

const base = parsed(valid);
const withGraph = (change: Partial<OnnxModel['graph']>): Uint8Array => buildOnnx({ ...base, graph: { ...base.graph, ...change } });
const withNode = (added: OnnxNode): Uint8Array => withGraph({ nodes: [...base.graph.nodes, added] });
const ruleOf = (bytes: Uint8Array, limits: Partial<ModelLimits> = {}, task = schema): string | undefined => {
  const result = admit(bytes, task, limits);
  if (!result.ok) expect(result.error).toMatchObject({ code: 'invalid-argument', field: 'model' });
  return result.ok ? undefined : result.error.rule;
};

function nested(depth: number): OnnxNode {
  const attribute: OnnxAttribute = {
    name: 'then_branch',
    kind: 'graph',
    graph: { name: 'g', nodes: depth > 1 ? [nested(depth - 1)] : [], initializers: [], inputs: [], outputs: [], values: [], sparseInitializers: 0 },
  };
  return { name: '', opType: 'If', domain: '', inputs: ['c'], outputs: ['d'], attributes: [attribute] };
}

describe('admit', () => {
  it('admits a valid model and says what it is', () => {
    const result = admit(valid, schema);
    expect(result).toMatchObject({ ok: true, value: { bytes: valid.length, parameters: 3 * 4 + 4 + 4 * 2 + 2 + 6, nodes: 6, opset: 17, inputName: 'x', outputName: 'scores' } });
    expect(result.ok && result.value.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('writes again exactly what it read', () => {
    expect(buildOnnx(parsed(valid))).toEqual(valid);
  });

  const hostile: [rule: string, what: string, bytes: () => Uint8Array, limits?: Partial<ModelLimits>][] = [
    ['size', 'no bytes', () => new Uint8Array(0)],
    ['size', 'too many bytes', () => valid, { bytesMax: valid.length - 1 }],
    ['valid-protobuf', 'text', () => utf8('{"model": true}')],
    ['valid-protobuf', 'no graph', () => new WireWriter().int(1, 8).finish()],
    ['valid-protobuf', 'two graphs, which other readers would merge', () => new Uint8Array([...valid, ...new WireWriter().message(7, new WireWriter()).finish()])],
    ['valid-protobuf', 'an unknown field', () => new Uint8Array([...valid, ...new WireWriter().int(99, 1).finish()])],
    ['valid-protobuf', 'millions of tiny parts', () => withGraph({ inputs: Array.from({ length: 400_001 }, () => ({ name: '' })) })],
    ['opset', 'an opset of the past', () => buildOnnx({ ...base, opsets: [{ domain: '', version: 7 }] })],
    ['opset', 'no standard opset', () => buildOnnx({ ...base, opsets: [] })],
    ['opset', 'two standard opsets', () => buildOnnx({ ...base, opsets: [...base.opsets, { domain: 'ai.onnx', version: 18 }] })],
    ['external-data', 'external data', () => withGraph({ initializers: base.graph.initializers.map((tensor) => ({ ...tensor, external: true })) })],
    ['external-data', 'external data in an attribute', () => withNode({ ...node('Constant', [], ['k']), attributes: [{ name: 'value', kind: 'tensor', tensor: { ...base.graph.initializers[0]!, external: true } }] })],
    ['custom-domain', 'a custom domain', () => withNode({ ...node('Gelu', ['scores'], ['y']), domain: 'com.microsoft' })],
    ['custom-domain', 'an imported custom domain', () => buildOnnx({ ...base, opsets: [...base.opsets, { domain: 'evil', version: 1 }] })],
    ['custom-domain', 'a local function', () => new Uint8Array([...valid, ...new WireWriter().message(25, new WireWriter().text(1, 'f')).finish()])],
    ['custom-domain', 'a training block', () => new Uint8Array([...valid, ...new WireWriter().message(20, new WireWriter()).finish()])],
    ['random-operator', 'random numbers', () => withNode(node('RandomNormalLike', ['scores'], ['noise']))],
    ['random-operator', 'dropout in training', () => withNode(node('Dropout', ['scores', '', 'training'], ['noise']))],
    ['node-count', 'too many nodes', () => valid, { nodesMax: 4 }],
    ['subgraph-depth', 'deep graphs', () => withNode(nested(5))],
    ['subgraph-depth', 'graphs deeper than a reader goes', () => withNode(nested(40))],
    ['tensor-size', 'a large tensor', () => valid, { tensorBytesMax: 40 }],
    ['tensor-size', 'a huge declared value', () => withGraph({ values: [floatValue('v', [1 << 20, 1 << 20])] })],
    ['tensor-size', 'a negative dimension', () => withGraph({ initializers: [{ ...base.graph.initializers[0]!, dims: [-1] }] })],
    ['tensor-data', 'fewer elements than declared', () => withGraph({ initializers: [{ ...base.graph.initializers[0]!, dims: [1000] }] })],
    ['input-schema', 'a wrong width', () => withGraph({ inputs: [floatValue('x', ['N', 4])] })],
    ['input-schema', 'a wrong type', () => withGraph({ inputs: [{ name: 'x', elementType: 'double', shape: ['N', 3] }] })],
    ['input-schema', 'a fixed batch', () => withGraph({ inputs: [floatValue('x', [1, 3])] })],
    ['input-schema', 'two inputs', () => withGraph({ inputs: [floatValue('x', ['N', 3]), floatValue('z', ['N', 3])] })],
    ['output-schema', 'a wrong rank', () => withGraph({ outputs: [floatValue('scores', ['N'])] })],
    ['output-schema', 'a sequence', () => withGraph({ outputs: [{ name: 'scores' }] })],
    ['finite-weights', 'a NaN weight', () => perceptronOnnx({ layers: [layer(3, 2, Number.NaN)], output: 'softmax' })],
    ['finite-weights', 'an infinite attribute', () => withNode(node('LeakyRelu', ['scores'], ['y'], { alpha: Number.POSITIVE_INFINITY }))],
    ['parameter-count', 'too many parameters', () => valid, { parametersMax: 31 }],
  ];
  it.each(hostile)('refuses by %s: %s', (rule, _what, bytes, limits) => {
    expect(ruleOf(bytes(), limits)).toBe(rule);
  });

  it('holds names to the schema only where the task says so', () => {
    const other: TaskSchema = { ...schema, input: { ...schema.input, name: 'features' } };
    expect(ruleOf(valid, {}, other)).toBeUndefined();
    expect(ruleOf(valid, {}, { ...other, named: true })).toBe('input-schema');
  });

  it('sees NaN in half precision too', () => {
    const half = { name: 'h', elementType: 'float16' as const, dims: [1], data: Uint8Array.of(0x00, 0x7e), external: false };
    expect(ruleOf(withGraph({ initializers: [...base.graph.initializers, half] }))).toBe('finite-weights');
    expect(ruleOf(withGraph({ initializers: [...base.graph.initializers, { ...half, data: Uint8Array.of(0x00, 0x3c) }] }))).toBeUndefined();
  });

  it('answers every truncation with a named refusal', () => {
    for (let length = 0; length < valid.length; length++) expect(ruleOf(valid.slice(0, length))).toMatch(/^[a-z-]+$/);
  });

  it('answers every flip of one bit of every byte', () => {
    let admitted = 0;
    for (let at = 0; at < valid.length; at++) {
      const flipped = valid.slice();
      flipped[at]! ^= 1 << (at % 8);
      if (ruleOf(flipped) === undefined) admitted += 1;
    }
    expect(admitted).toBeLessThan(valid.length);
  });

  it('answers any bytes at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(ruleOf(bytes)).toMatch(/^[a-z-]+$/);
      }),
      { numRuns: 2000 },
    );
  });

  it('answers 1 000 random mutations', () => {
    const rules = new Set(mutationsOf(valid, 1000).map((bytes) => ruleOf(bytes)));
    expect(rules.size).toBeGreaterThan(4);
    expect(rules).toContain(undefined);
  });

  it('reads tensors in the forms that other exporters write', () => {
    const floats = new WireWriter().int(1, 2).int(2, 1).float(4, 1.5).float(4, -2).text(8, 'a');
    const packed = new WireWriter().bytes(1, Uint8Array.of(2)).int(2, 7).bytes(7, Uint8Array.of(5, 200, 1)).text(8, 'b');
    const graph = new WireWriter().text(2, 'g').message(5, floats).message(5, packed);
    const model = parsed(new WireWriter().int(1, 8).message(7, graph).finish());
    expect(model.graph.initializers.map(({ dims, data }) => [dims, [...data!]])).toEqual([
      [[2], [0, 0, 0xc0, 0x3f, 0, 0, 0, 0xc0]],
      [[2], [5, 0, 0, 0, 0, 0, 0, 0, 200, 0, 0, 0, 0, 0, 0, 0]],
    ]);
  });

  it('reads a tensor of very many single floats', () => {
    const floats = new WireWriter().int(1, 300_000).int(2, 1);
    for (let i = 0; i < 300_000; i++) floats.float(4, 1);
    const model = parsed(new WireWriter().int(1, 8).message(7, new WireWriter().message(5, floats)).finish());
    expect(model.graph.initializers[0]!.data).toHaveLength(1_200_000);
  });

  it('needs little time and memory for a long list of attributes', () => {
    const many = modelOf('m', { nodes: [node('X', ['x'], ['y'], { list: Array.from({ length: 150_000 }, () => 1n) })], initializers: [floatInitializer('w', [1], [1])], inputs: [], outputs: [] });
    expect(parseOnnx(buildOnnx(many)).ok).toBe(true);
  });
});
