import type { ElementType } from './model.js';

const CODES: Readonly<Record<ElementType, number>> = {
  float: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  double: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
};

const SIZES: Readonly<Record<ElementType, number>> = {
  float: 4,
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  int32: 4,
  int64: 8,
  string: 16,
  bool: 1,
  float16: 2,
  double: 8,
  uint32: 4,
  uint64: 8,
  bfloat16: 2,
};

const NAMES = new Map(Object.entries(CODES).map(([name, code]) => [code, name as ElementType]));

/** TensorProto.DataType number of a type. */
export const elementTypeCode = (type: ElementType): number => CODES[type];

/** The type of a TensorProto.DataType number; undefined for those Skein does not know. */
export const elementTypeOf = (code: number): ElementType | undefined => NAMES.get(code);

/** Bytes per element in memory (a string counts as 16). */
export const elementSize = (type: ElementType): number => SIZES[type];
