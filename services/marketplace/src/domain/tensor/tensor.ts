import type { Rejection, Result } from '@skein/kernel';
import { ok, reject } from '@skein/kernel';
import type { TensorSpec } from '../model/model.events.js';
import type { Datatype } from './datatype.js';
import { CODECS, isDatatype } from './datatype.js';

/** A dense tensor: elements little-endian, row-major. */
export interface Tensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** A tensor as a protocol hands it over, before anything about it is known to be right. */
export interface TensorInput {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  /** Raw bytes, or JSON values, nested or flat. */
  readonly content: Uint8Array | readonly unknown[];
}

/** Rows that one call may carry. */
export const ROWS_MAX = 4096;

const bad = (rule: string, message: string, field: string): Result<never, Rejection> => reject('invalid-argument', rule, message, field);

/** Inputs that fit the model, in its order, and the rows of the batch; or what is wrong, named by field and rule. */
export function checkInputs(specs: readonly TensorSpec[], inputs: readonly TensorInput[]): Result<{ tensors: Tensor[]; rows: number }, Rejection> {
  const names = inputs.map(({ name }) => name);
  for (const [index, name] of names.entries()) {
    if (!specs.some((spec) => spec.name === name)) return bad('input-known', `the model has no input "${name}"`, `inputs[${index}].name`);
    if (names.indexOf(name) !== index) return bad('unique', `input "${name}" is given twice`, `inputs[${index}].name`);
  }
  const tensors: Tensor[] = [];
  let rows: number | undefined;
  for (const spec of specs) {
    const index = names.indexOf(spec.name);
    if (index < 0) return bad('required', `input "${spec.name}" is missing`, 'inputs');
    const checked = checkTensor(spec, inputs[index]!, `inputs[${index}]`);
    if (!checked.ok) return checked;
    const batch = spec.shape[0] === -1 ? checked.value.shape[0]! : 1;
    if (rows !== undefined && batch !== rows) return bad('shape', 'all inputs carry the same number of rows', `inputs[${index}].shape`);
    rows = batch;
    tensors.push(checked.value);
  }
  return ok({ tensors, rows: rows ?? 1 });
}

function checkTensor(spec: TensorSpec, input: TensorInput, field: string): Result<Tensor, Rejection> {
  const { name, datatype, shape } = input;
  if (!isDatatype(datatype) || datatype !== spec.datatype) return bad('datatype', `input "${name}" has the datatype ${spec.datatype}, not ${datatype}`, `${field}.datatype`);
  const wanted = `[${spec.shape.join(',')}]`;
  const fits = shape.length === spec.shape.length && shape.every((size, axis) => Number.isSafeInteger(size) && size >= 1 && [-1, size].includes(spec.shape[axis]!));
  if (!fits) return bad('shape', `input "${name}" has the shape ${wanted}, not [${shape.join(',')}]`, `${field}.shape`);
  if (spec.shape[0] === -1 && shape[0]! > ROWS_MAX) return bad('rows-max', `a call carries at most ${ROWS_MAX} rows`, `${field}.shape`);
  const count = shape.reduce((product, size) => product * size, 1);
  const data = input.content instanceof Uint8Array ? checkBytes(input.content, datatype, count, field) : encodeValues(input.content, datatype, count, field);
  return data.ok ? ok({ name, datatype, shape, data: data.value }) : data;
}

function checkBytes(bytes: Uint8Array, datatype: Datatype, count: number, field: string): Result<Uint8Array, Rejection> {
  const wanted = count * CODECS[datatype].bytes;
  return bytes.length === wanted ? ok(bytes) : bad('byte-length', `${wanted} bytes fit the shape, not ${bytes.length}`, `${field}.data`);
}

function encodeValues(values: readonly unknown[], datatype: Datatype, count: number, field: string): Result<Uint8Array, Rejection> {
  const flat = (values as unknown[]).flat(Infinity);
  if (flat.length !== count) return bad('element-count', `${count} elements fit the shape, not ${flat.length}`, `${field}.data`);
  const codec = CODECS[datatype];
  const bytes = new Uint8Array(count * codec.bytes);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of flat.entries()) {
    if (!codec.fits(value)) return bad('element', `element ${index} is no ${datatype}`, `${field}.data`);
    codec.write(view, index * codec.bytes, value as never);
  }
  return ok(bytes);
}

/** The elements as JSON values, flat; integers of 64 bits as bigint. */
export function elementsOf({ datatype, data }: Tensor): unknown[] {
  const codec = CODECS[datatype];
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return Array.from({ length: data.byteLength / codec.bytes }, (_, index) => codec.read(view, index * codec.bytes));
}
