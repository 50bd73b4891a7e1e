import type { OnnxNode, OnnxTensor } from '../onnx/model.js';

/** True when a stored tensor of a float type holds no NaN and no infinity (other types are always finite). */
export function isFiniteTensor(tensor: OnnxTensor): boolean {
  const { data } = tensor;
  if (data === undefined) return true;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  switch (tensor.elementType) {
    case 'float':
      return every(data.length, 4, (at) => Number.isFinite(view.getFloat32(at, true)));
    case 'double':
      return every(data.length, 8, (at) => Number.isFinite(view.getFloat64(at, true)));
    case 'float16':
      return every(data.length, 2, (at) => (view.getUint16(at, true) & 0x7c00) !== 0x7c00);
    case 'bfloat16':
      return every(data.length, 2, (at) => (view.getUint16(at, true) & 0x7f80) !== 0x7f80);
    default:
      return true;
  }
}

/** True when a node's float attributes hold no NaN and no infinity. */
export const hasFiniteAttributes = (node: OnnxNode): boolean =>
  node.attributes.every(({ float, floats }) => (float === undefined || Number.isFinite(float)) && (floats ?? []).every((value) => Number.isFinite(value)));

function every(length: number, step: number, holds: (at: number) => boolean): boolean {
  for (let at = 0; at < length; at += step) if (!holds(at)) return false;
  return true;
}
