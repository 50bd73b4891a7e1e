import { malformed } from './refusal.js';

/** Counts what a reader may still make of the bytes, so that tiny messages cannot grow into gigabytes of objects. */
export class Budget {
  #left: number;
  constructor(itemsMax: number) {
    this.#left = itemsMax;
  }
  spend(items = 1): void {
    this.#left -= items;
    if (this.#left < 0) malformed('the model has more parts than a reader may make objects of');
  }
}

/** One field of a message: its value as an integer (varint, fixed) or as bytes (length-delimited). */
export interface WireField {
  readonly number: number;
  readonly type: 0 | 1 | 2 | 5;
  readonly varint: bigint;
  readonly bytes: Uint8Array;
}

const NO_BYTES = new Uint8Array(0);
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads a varint of at most ten bytes; returns the value and where it ends. */
function varintAt(bytes: Uint8Array, start: number): { value: bigint; end: number } {
  let value = 0n;
  let small = 0;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[start + i];
    if (byte === undefined) return malformed('a number is cut off');
    if (i < 4) small |= (byte & 0x7f) << (7 * i);
    else value |= BigInt(byte & 0x7f) << BigInt(7 * i);
    if (byte < 0x80) return { value: BigInt.asUintN(64, value | BigInt(small)), end: start + i + 1 };
  }
  return malformed('a number has more than ten bytes');
}

/** The fields of one message in their order. Groups, field number 0 and lengths past the end are refused. */
export function* wireFields(bytes: Uint8Array): Generator<WireField> {
  let at = 0;
  while (at < bytes.length) {
    const tag = varintAt(bytes, at);
    at = tag.end;
    const number = Number(tag.value >> 3n);
    const type = Number(tag.value & 7n);
    if (number < 1 || number > 0x1fff_ffff) malformed('a field number is out of range');
    if (type === 0) {
      const { value, end } = varintAt(bytes, at);
      at = end;
      yield { number, type, varint: value, bytes: NO_BYTES };
    } else if (type === 1 || type === 5) {
      const size = type === 1 ? 8 : 4;
      if (at + size > bytes.length) malformed('a fixed-size number is cut off');
      yield { number, type, varint: 0n, bytes: bytes.subarray(at, at + size) };
      at += size;
    } else if (type === 2) {
      const length = varintAt(bytes, at);
      if (length.value > BigInt(bytes.length - length.end)) malformed('a field is longer than its message');
      at = length.end + Number(length.value);
      yield { number, type, varint: 0n, bytes: bytes.subarray(length.end, at) };
    } else {
      malformed(`wire type ${type} does not occur in ONNX`);
    }
  }
}

/** All varints of a packed field. */
export function* packedVarints(bytes: Uint8Array): Generator<bigint> {
  for (let at = 0; at < bytes.length; ) {
    const { value, end } = varintAt(bytes, at);
    at = end;
    yield value;
  }
}

/** Strict UTF-8: two different byte strings never become the same text. */
export function wireText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    return malformed('a text is not valid UTF-8');
  }
}

/** A varint as a signed 64-bit integer. */
export const signed = (value: bigint): bigint => BigInt.asIntN(64, value);

/** A varint as a number where it is an integer up to 2⁵³. */
export function smallInteger(value: bigint, what: string): number {
  const number = signed(value);
  if (number > 9_007_199_254_740_991n || number < -9_007_199_254_740_991n) malformed(`${what} is out of range`);
  return Number(number);
}
