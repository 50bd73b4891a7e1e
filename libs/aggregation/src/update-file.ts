import { concatBytes, ok, reject, utf8 } from '@skein/kernel';
import type { Rejection, Result } from '@skein/kernel';
import type { Vector } from './vectors.js';

/** Name and sizes of one float32 tensor, in the manifest's order. */
export interface TensorSpec {
  readonly name: string;
  readonly dims: readonly number[];
}

const HEADER_BYTES_MAX = 1 << 20;

const sizeOf = (dims: readonly number[]): number => dims.reduce((product, size) => product * size, 1);

/** Number of weights of all tensors together. */
export const parameterCount = (specs: readonly TensorSpec[]): number => specs.reduce((sum, { dims }) => sum + sizeOf(dims), 0);

interface HeaderEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

function headerOf(specs: readonly TensorSpec[]): Record<string, HeaderEntry> {
  let at = 0;
  const entries = specs.map(({ name, dims }): [string, HeaderEntry] => {
    const start = at;
    at += 4 * sizeOf(dims);
    return [name, { dtype: 'F32', shape: dims, data_offsets: [start, at] }];
  });
  return Object.fromEntries(entries);
}

/**
 * The weights as a safetensors file in one canonical form (tensors in the manifest's order, float32 little endian, header
 * padded with spaces to 8 bytes): equal float32 weights give equal bytes, which is what voters vote on by hash.
 */
export function encodeWeights(specs: readonly TensorSpec[], weights: Vector): Uint8Array {
  if (weights.length !== parameterCount(specs)) throw new RangeError('the weights do not fill the tensors');
  const json = utf8(JSON.stringify(headerOf(specs)));
  const header = concatBytes(json, new Uint8Array((8 - (json.length % 8)) % 8).fill(0x20));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(header.length), true);
  const data = new Uint8Array(4 * weights.length);
  const view = new DataView(data.buffer);
  for (let k = 0; k < weights.length; k += 1) view.setFloat32(4 * k, weights[k]!, true);
  return concatBytes(length, header, data);
}

const refuse = (rule: string, message: string): Result<never, Rejection> => reject('invalid-argument', rule, message, 'update');

function readHeader(bytes: Uint8Array): Result<{ entries: Record<string, unknown>; body: Uint8Array }, Rejection> {
  if (bytes.length < 8) return refuse('update-format', 'the file is shorter than its header');
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(HEADER_BYTES_MAX) || length > BigInt(bytes.length - 8))
    return refuse('update-format', 'the header is longer than the file or 1 MiB');
  const end = 8 + Number(length);
  try {
    const entries: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, end)));
    if (entries === null || typeof entries !== 'object' || Array.isArray(entries))
      return refuse('update-format', 'the header is not a JSON object');
    return ok({ entries: entries as Record<string, unknown>, body: bytes.subarray(end) });
  } catch {
    return refuse('update-format', 'the header is not JSON');
  }
}

function tensorFault({ name, dims }: TensorSpec, entry: unknown, bodyBytes: number): Result<number, Rejection> {
  if (entry === null || typeof entry !== 'object') return refuse('update-keys', `tensor ${name} is missing`);
  const { dtype, shape, data_offsets: offsets } = entry as Partial<HeaderEntry>;
  if (dtype !== 'F32') return refuse('update-dtype', `tensor ${name} must be F32`);
  const same = Array.isArray(shape) && shape.length === dims.length && dims.every((size, i) => shape[i] === size);
  if (!same) return refuse('update-shape', `tensor ${name} must have shape [${dims.join(', ')}]`);
  const [start, end] = Array.isArray(offsets) ? offsets : [];
  const placed = Number.isInteger(start) && Number.isInteger(end) && start! >= 0 && end! <= bodyBytes;
  if (!placed || end! - start! !== 4 * sizeOf(dims)) return refuse('update-format', `tensor ${name} lies outside the file`);
  return ok(start!);
}

/**
 * Weights out of a safetensors file that must hold exactly the manifest's tensors (no broadcasting, nothing extra). Refusals:
 * `update-format`, `update-keys`, `update-dtype`, `update-shape`, `non-finite`. Never throws.
 */
export function decodeWeights(specs: readonly TensorSpec[], bytes: Uint8Array): Result<Float32Array, Rejection> {
  const header = readHeader(bytes);
  if (!header.ok) return header;
  const { entries, body } = header.value;
  const known = new Set(specs.map(({ name }) => name));
  const odd = Object.keys(entries).find((name) => !known.has(name) && name !== '__metadata__');
  if (odd !== undefined) return refuse('update-keys', 'the file holds a tensor that the manifest does not name');
  if (body.length !== 4 * parameterCount(specs)) return refuse('update-shape', 'the file has another size than the manifest\'s tensors');
  const weights = new Float32Array(parameterCount(specs));
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  let at = 0;
  for (const spec of specs) {
    const start = tensorFault(spec, Object.hasOwn(entries, spec.name) ? entries[spec.name] : undefined, body.length);
    if (!start.ok) return start;
    for (let k = 0; k < sizeOf(spec.dims); k += 1) weights[at++] = view.getFloat32(start.value + 4 * k, true);
  }
  return weights.every(Number.isFinite) ? ok(weights) : refuse('non-finite', 'the update holds a value that is not finite');
}
