import { buildOnnx, parseOnnx, perceptronOnnx } from '@skein/models';

/** A small valid model; other weights, other bytes. */
export const model = (weight: number, inputs = 2): Uint8Array =>
  perceptronOnnx({ layers: [{ inputs, outputs: 1, weights: new Float32Array(inputs).fill(weight), bias: [0] }], output: 'sigmoid' });

/** A model that names a file outside of itself. */
export function hostile(): Uint8Array {
  const parsed = parseOnnx(model(0));
  if (!parsed.ok) throw new Error(parsed.error.message);
  const { graph } = parsed.value;
  const initializers = graph.initializers.map((tensor) => (tensor.name === 'w1' ? { name: tensor.name, elementType: tensor.elementType, dims: tensor.dims, external: true } : tensor));
  return buildOnnx({ ...parsed.value, graph: { ...graph, initializers } });
}
