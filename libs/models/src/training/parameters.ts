import { assert } from '@skein/kernel';
import { buildOnnx } from '../onnx/build.js';
import { floatBytes } from '../onnx/construct.js';
import type { FloatTensor, OnnxModel } from '../onnx/model.js';

/** The same model with other values of some of its float initializers (same names and shapes), as bytes. */
export function withParameters(model: OnnxModel, parameters: readonly FloatTensor[]): Uint8Array {
  const byName = new Map(parameters.map((tensor) => [tensor.name, tensor]));
  const initializers = model.graph.initializers.map((tensor) => {
    const next = byName.get(tensor.name);
    if (next === undefined) return tensor;
    assert(tensor.elementType === 'float' && next.dims.join() === tensor.dims.join(), `${tensor.name} keeps its type and shape`);
    assert(next.values.length * 4 === tensor.data?.length, `${tensor.name} has a value per element`);
    byName.delete(tensor.name);
    return { ...tensor, data: floatBytes(next.values) };
  });
  assert(byName.size === 0, `the model has the parameters ${[...byName.keys()].join(', ')}`);
  return buildOnnx({ ...model, graph: { ...model.graph, initializers } });
}

/** All parameters one after another in one vector. */
export function flattenParameters(parameters: readonly FloatTensor[]): Float32Array {
  const vector = new Float32Array(parameters.reduce((length, { values }) => length + values.length, 0));
  let at = 0;
  for (const { values } of parameters) {
    vector.set(values, at);
    at += values.length;
  }
  return vector;
}

/** The vector cut back into parameters of the given shapes. */
export function unflattenParameters(shapes: readonly { readonly name: string; readonly dims: readonly number[] }[], vector: Float32Array): FloatTensor[] {
  let at = 0;
  const parameters = shapes.map(({ name, dims }) => {
    const length = dims.reduce((product, dim) => product * dim, 1);
    const values = vector.slice(at, at + length);
    at += length;
    return { name, dims, values };
  });
  assert(at === vector.length, 'the vector has a value per parameter');
  return parameters;
}
