import { createHash } from 'node:crypto';
import { assert } from './assert.js';

/** SHA-256 of the bytes (32 bytes). */
export const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest());

/** SHA-256 of bytes or of the UTF-8 of a text, as 64 lower-case hex digits. */
export const sha256Hex = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

/** UTF-8 bytes of a text. */
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The given byte strings one after another. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Lower-case hex without prefix. */
export const bytesToHex = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');

/** Bytes of an even number of hex digits, with or without `0x`; throws on anything else. */
export function hexToBytes(hex: string): Uint8Array {
  const digits = hex.startsWith('0x') ? hex.slice(2) : hex;
  assert(digits.length % 2 === 0 && /^[0-9a-fA-F]*$/.test(digits), 'hex text has an even number of hex digits');
  return new Uint8Array(Buffer.from(digits, 'hex'));
}

/** Unsigned 32-bit integer, big endian (4 bytes). */
export function uint32be(value: number): Uint8Array {
  assert(Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff, `${value} fits an unsigned 32-bit integer`);
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

/** Signed 64-bit integer, two's complement, big endian (8 bytes). */
export function int64be(value: bigint): Uint8Array {
  assert(BigInt.asIntN(64, value) === value, `${value} fits a signed 64-bit integer`);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, value);
  return bytes;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** True for a lower-case UUID of any version. */
export const isUuid = (text: string): boolean => UUID.test(text);

/** The 16 bytes of a lower-case UUID. */
export function uuidToBytes(uuid: string): Uint8Array {
  assert(isUuid(uuid), `"${uuid}" is a lower-case UUID`);
  return hexToBytes(uuid.replaceAll('-', ''));
}

/** The lower-case UUID text of 16 bytes. */
export function bytesToUuid(bytes: Uint8Array): string {
  assert(bytes.length === 16, 'a UUID has 16 bytes');
  return bytesToHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** The part preceded by its length as uint32 big endian: the unambiguous form for pre-images of variable-size fields. */
export const lengthPrefixed = (part: Uint8Array | string): Uint8Array => {
  const bytes = typeof part === 'string' ? utf8(part) : part;
  return concatBytes(uint32be(bytes.length), bytes);
};
