import type { Dimension, FloatTensor, OnnxAttribute, OnnxModel, OnnxNode, OnnxTensor, OnnxValue } from './model.js';

/** The opset that Skein writes. */
export const WRITTEN_OPSET = 17;

/** A node of the standard domain; attributes: integers as bigint, lists as arrays, anything else as a float. */
export function node(
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, bigint | number | readonly bigint[]>> = {},
): OnnxNode {
  return { name: '', opType, domain: '', inputs, outputs, attributes: Object.entries(attributes).map(([name, value]) => attribute(name, value)) };
}

function attribute(name: string, value: bigint | number | readonly bigint[]): OnnxAttribute {
  const empty = { name, floats: [], ints: [], strings: [], tensors: [], graphs: [] };
  if (typeof value === 'bigint') return { ...empty, kind: 'int', int: value };
  if (typeof value === 'number') return { ...empty, kind: 'float', float: Math.fround(value) };
  return { ...empty, kind: 'ints', ints: [...value] };
}

/** A float32 constant. */
export const floatInitializer = (name: string, dims: readonly number[], values: ArrayLike<number>): OnnxTensor => ({
  name,
  elementType: 'float',
  dims,
  data: floatBytes(values),
  external: false,
});

/** An int64 constant (axes, shapes). */
export function int64Initializer(name: string, values: readonly bigint[]): OnnxTensor {
  const data = new Uint8Array(values.length * 8);
  const view = new DataView(data.buffer);
  values.forEach((value, index) => view.setBigInt64(index * 8, value, true));
  return { name, elementType: 'int64', dims: [values.length], data, external: false };
}

/** Numbers as little-endian float32 bytes. */
export function floatBytes(values: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < values.length; i++) view.setFloat32(i * 4, values[i]!, true);
  return bytes;
}

/** Little-endian float32 bytes as numbers (a copy). */
export function floatsOf(bytes: Uint8Array): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(i * 4, true));
}

/** A float32 input or output. */
export const floatValue = (name: string, shape: readonly Dimension[]): OnnxValue => ({ name, elementType: 'float', shape });

/** A model around a graph, in the versions that Skein writes. */
export const modelOf = (name: string, graph: Pick<OnnxModel['graph'], 'nodes' | 'initializers' | 'inputs' | 'outputs'>): OnnxModel => ({
  irVersion: 8,
  opsets: [{ domain: '', version: WRITTEN_OPSET }],
  producer: 'skein',
  graph: { name, values: [], sparseInitializers: 0, ...graph },
  functions: 0,
  trainingInfos: 0,
});

/** Float32 initializers of a model's graph, by name. */
export const floatTensors = (model: OnnxModel): FloatTensor[] =>
  model.graph.initializers
    .filter((tensor) => tensor.elementType === 'float' && tensor.data !== undefined)
    .map(({ name, dims, data }) => ({ name, dims, values: floatsOf(data!) }));
