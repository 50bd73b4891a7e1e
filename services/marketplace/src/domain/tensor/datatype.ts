/** Element types that are served, by their Open Inference Protocol names. */
export type Datatype = 'FP32' | 'FP64' | 'INT32' | 'INT64' | 'BOOL' | 'UINT8';

interface Codec {
  readonly bytes: number;
  /** Of the ONNX element types. */
  readonly elementType: 'float' | 'double' | 'int32' | 'int64' | 'bool' | 'uint8';
  /** True for a JSON value that fits without loss of meaning. */
  fits(value: unknown): boolean;
  write(view: DataView, at: number, value: never): void;
  /** A JSON value; integers of 64 bits as bigint. */
  read(view: DataView, at: number): unknown;
}

const inRange = (low: number, high: number) => (value: unknown) => Number.isInteger(value) && (value as number) >= low && (value as number) <= high;
const isFiniteNumber = (value: unknown) => typeof value === 'number' && Number.isFinite(value);
const isInt64 = (value: unknown) => (typeof value === 'bigint' && BigInt.asIntN(64, value) === value) || Number.isSafeInteger(value);

/** How the elements of each type are read from JSON and written as little-endian bytes. */
export const CODECS: Readonly<Record<Datatype, Codec>> = {
  FP32: {
    bytes: 4, elementType: 'float', fits: (value) => isFiniteNumber(value) && Number.isFinite(Math.fround(value as number)),
    write: (view, at, value) => view.setFloat32(at, value, true), read: (view, at) => view.getFloat32(at, true),
  },
  FP64: { bytes: 8, elementType: 'double', fits: isFiniteNumber, write: (view, at, value) => view.setFloat64(at, value, true), read: (view, at) => view.getFloat64(at, true) },
  INT32: { bytes: 4, elementType: 'int32', fits: inRange(-(2 ** 31), 2 ** 31 - 1), write: (view, at, value) => view.setInt32(at, value, true), read: (view, at) => view.getInt32(at, true) },
  INT64: { bytes: 8, elementType: 'int64', fits: isInt64, write: (view, at, value) => view.setBigInt64(at, BigInt(value), true), read: (view, at) => view.getBigInt64(at, true) },
  UINT8: { bytes: 1, elementType: 'uint8', fits: inRange(0, 255), write: (view, at, value) => view.setUint8(at, value), read: (view, at) => view.getUint8(at) },
  BOOL: { bytes: 1, elementType: 'bool', fits: (value) => typeof value === 'boolean', write: (view, at, value) => view.setUint8(at, Number(value)), read: (view, at) => view.getUint8(at) !== 0 },
};

/** True for the name of a type that is served. */
export const isDatatype = (name: string): name is Datatype => Object.hasOwn(CODECS, name);

const BY_ELEMENT_TYPE = new Map<string, Datatype>(Object.entries(CODECS).map(([name, { elementType }]) => [elementType, name as Datatype]));

/** Protocol name of an ONNX element type, or undefined for one that is not served (BF16, strings …). */
export const datatypeOf = (elementType: string): Datatype | undefined => BY_ELEMENT_TYPE.get(elementType);
