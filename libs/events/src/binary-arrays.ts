/** Arrays in PostgreSQL's binary form: nothing in them has to be quoted here and unquoted there. Each has one dimension. */

const HEADER_BYTES = 20;
const OID = { text: 25, json: 114, int4: 23, int8: 20, uuid: 2950 } as const;
const NULL_LENGTH = -1;

function headed(oid: number, length: number, contentBytes: number, hasNull: boolean): Buffer {
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + contentBytes);
  buffer.writeInt32BE(1, 0);
  buffer.writeInt32BE(hasNull ? 1 : 0, 4);
  buffer.writeInt32BE(oid, 8);
  buffer.writeInt32BE(length, 12);
  buffer.writeInt32BE(1, 16);
  return buffer;
}

function ofTexts(oid: number, values: readonly (string | null)[]): Buffer {
  let bytes = 0;
  for (const value of values) bytes += 4 + (value === null ? 0 : Buffer.byteLength(value));
  const buffer = headed(oid, values.length, bytes, values.includes(null));
  let at = HEADER_BYTES;
  for (const value of values) {
    const written = value === null ? NULL_LENGTH : buffer.write(value, at + 4);
    buffer.writeInt32BE(written, at);
    at += 4 + Math.max(0, written);
  }
  return buffer;
}

/** `text[]`. */
export const textArray = (values: readonly string[]): Buffer => ofTexts(OID.text, values);

/** `json[]` of JSON texts. */
export const jsonArray = (texts: readonly (string | null)[]): Buffer => ofTexts(OID.json, texts);

/** `integer[]`. */
export function intArray(values: readonly number[]): Buffer {
  const buffer = headed(OID.int4, values.length, values.length * 8, false);
  for (const [index, value] of values.entries()) {
    buffer.writeInt32BE(4, HEADER_BYTES + index * 8);
    buffer.writeInt32BE(value, HEADER_BYTES + index * 8 + 4);
  }
  return buffer;
}

/** `bigint[]` of safe integers. */
export function bigintArray(values: readonly (number | null)[]): Buffer {
  const buffer = headed(OID.int8, values.length, values.reduce<number>((bytes, value) => bytes + (value === null ? 4 : 12), 0), values.includes(null));
  let at = HEADER_BYTES;
  for (const value of values) {
    at = buffer.writeInt32BE(value === null ? NULL_LENGTH : 8, at);
    if (value !== null) at = buffer.writeBigInt64BE(BigInt(value), at);
  }
  return buffer;
}

/** `uuid[]`. */
export function uuidArray(values: readonly string[]): Buffer {
  const buffer = headed(OID.uuid, values.length, values.length * 20, false);
  for (const [index, value] of values.entries()) {
    buffer.writeInt32BE(16, HEADER_BYTES + index * 20);
    buffer.write(value.slice(0, 8) + value.slice(9, 13) + value.slice(14, 18) + value.slice(19, 23) + value.slice(24), HEADER_BYTES + index * 20 + 4, 'hex');
  }
  return buffer;
}
