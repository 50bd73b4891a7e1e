import fc from 'fast-check';
import { sha256Hex, unwrap } from '@skein/kernel';
import { expect, test } from 'vitest';
import { decodeWeights, encodeWeights, parameterCount } from './update-file.js';

const specs = [{ name: 'w1', dims: [2, 3] }, { name: 'b1', dims: [2] }];
const weights = Float32Array.from({ length: 8 }, (_, k) => k / 3);
const file = encodeWeights(specs, weights);

function withHeader(header: unknown, body: Uint8Array = new Uint8Array(32)): Uint8Array {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, body]);
}
const entry = (change: object = {}) => ({ dtype: 'F32', shape: [2, 3], data_offsets: [0, 24], ...change });
const bias = { dtype: 'F32', shape: [2], data_offsets: [24, 32] };

test('weights survive, and equal float32 weights have one file', () => {
  expect(unwrap(decodeWeights(specs, file))).toEqual(weights);
  expect(sha256Hex(encodeWeights(specs, Float64Array.from(weights)))).toBe(sha256Hex(file));
  expect(parameterCount(specs)).toBe(8);
  expect(() => encodeWeights(specs, new Float32Array(7))).toThrow('do not fill');
});

test('the file is safetensors: eight bytes of length, JSON padded to eight, little endian', () => {
  const length = Number(new DataView(file.buffer).getBigUint64(0, true));
  expect(length % 8).toBe(0);
  expect(JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length)))).toEqual({ w1: entry(), b1: bias });
  expect(new DataView(file.buffer).getFloat32(8 + length + 4, true)).toBe(Math.fround(1 / 3));
});

test('tensors may lie in another order and carry metadata', () => {
  const body = new Uint8Array(32);
  new DataView(body.buffer).setFloat32(0, 7, true);
  const header = { __metadata__: { by: 'x' }, b1: { ...bias, data_offsets: [0, 8] }, w1: entry({ data_offsets: [8, 32] }) };
  expect(unwrap(decodeWeights(specs, withHeader(header, body)))[6]).toBe(7);
});

test.each<[string, Uint8Array]>([
  ['update-format', new Uint8Array(0)],
  ['update-format', new Uint8Array(8).fill(255)],
  ['update-format', withHeader('{')],
  ['update-format', withHeader('[]')],
  ['update-keys', withHeader({ w1: entry() })],
  ['update-keys', withHeader({ w1: entry(), b1: bias, extra: bias })],
  ['update-keys', withHeader({ w1: null, b1: bias })],
  ['update-dtype', withHeader({ w1: entry({ dtype: 'F64' }), b1: bias })],
  ['update-shape', withHeader({ w1: entry({ shape: [3, 2] }), b1: bias })],
  ['update-shape', withHeader({ w1: entry({ shape: [6] }), b1: bias })],
  ['update-shape', withHeader({ w1: entry(), b1: bias }, new Uint8Array(36))],
  ['update-format', withHeader({ w1: entry({ data_offsets: [16, 40] }), b1: bias })],
  ['update-format', withHeader({ w1: entry({ data_offsets: [0, 20] }), b1: bias })],
  ['update-format', withHeader({ w1: entry({ data_offsets: [-4, 20] }), b1: bias })],
  ['update-format', withHeader({ w1: entry({ data_offsets: 'x' }), b1: bias })],
  ['non-finite', encodeWeights(specs, new Float64Array(8).fill(Number.POSITIVE_INFINITY))],
  ['non-finite', encodeWeights(specs, new Float64Array(8).fill(1e300))],
])('refused by %s', (rule, bytes) => {
  expect(decodeWeights(specs, bytes)).toMatchObject({ ok: false, error: { code: 'invalid-argument', rule, field: 'update' } });
});

test('no bytes make it throw, and a changed byte never gives more or other tensors', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => void decodeWeights(specs, bytes)));
  fc.assert(
    fc.property(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const changed = file.slice();
      changed[at]! ^= flip;
      const decoded = decodeWeights(specs, changed);
      if (decoded.ok) expect(decoded.value).toHaveLength(8);
    }),
    { numRuns: 1_000 },
  );
});
