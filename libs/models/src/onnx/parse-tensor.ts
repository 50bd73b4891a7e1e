import { elementSize, elementTypeOf } from './element-types.js';
import { joinBytes } from './join-bytes.js';
import type { ElementType, OnnxTensor } from './model.js';
import { malformed, refuse } from './refusal.js';
import { packedVarints, smallInteger, wireFields, wireText, type Budget, type WireField } from './wire-reader.js';

interface Draft {
  name: string;
  type: ElementType | undefined;
  dims: number[];
  raw: Uint8Array | undefined;
  packed: { width: 4 | 8; parts: Uint8Array[] };
  varints: Uint8Array[];
  loose: bigint[];
  strings: number;
  external: boolean;
}

/** Repeated integers: packed or one by one; each one costs budget because it becomes an object. */
export function integers(field: WireField, budget: Budget, into: bigint[]): void {
  if (field.type === 0) {
    budget.spend();
    into.push(field.varint);
  } else if (field.type === 2) {
    for (const value of packedVarints(field.bytes)) {
      budget.spend();
      into.push(value);
    }
  } else malformed('a list of integers has the wrong wire type');
}

/** Length-delimited or refused. */
export function delimited(field: WireField): Uint8Array {
  return field.type === 2 ? field.bytes : malformed(`field ${field.number} has the wrong wire type`);
}

/** Varint or refused. */
export function integer(field: WireField): bigint {
  return field.type === 0 ? field.varint : malformed(`field ${field.number} has the wrong wire type`);
}

/** Fields that may occur once: a second occurrence would be merged by other readers, so it is refused. */
export function once(seen: Set<number>, field: WireField): void {
  if (seen.has(field.number)) malformed(`field ${field.number} occurs twice`);
  seen.add(field.number);
}

const REPEATED = new Set([1, 4, 5, 6, 7, 10, 11, 13, 16]);

/** Reads a TensorProto; the element count of its data always equals the product of its dims. */
export function parseTensor(bytes: Uint8Array, budget: Budget): OnnxTensor {
  budget.spend();
  const draft: Draft = {
    name: '',
    type: undefined,
    dims: [],
    raw: undefined,
    packed: { width: 4, parts: [] },
    varints: [],
    loose: [],
    strings: 0,
    external: false,
  };
  const seen = new Set<number>();
  for (const field of wireFields(bytes)) {
    if (!REPEATED.has(field.number)) once(seen, field);
    readField(draft, field, budget);
  }
  return finish(draft);
}

function readField(draft: Draft, field: WireField, budget: Budget): void {
  switch (field.number) {
    case 1: {
      const dims: bigint[] = [];
      integers(field, budget, dims);
      for (const dim of dims) draft.dims.push(smallInteger(dim, 'a dimension'));
      return;
    }
    case 2:
      draft.type = elementTypeOf(smallInteger(integer(field), 'an element type'));
      if (draft.type === undefined) refuse('tensor-type', 'a tensor has an element type that is not admitted');
      return;
    case 4:
      return floats(draft, field, 4, budget);
    case 10:
      return floats(draft, field, 8, budget);
    case 5:
    case 7:
    case 11:
      budget.spend();
      if (field.type === 2) draft.varints.push(field.bytes);
      else draft.loose.push(integer(field));
      return;
    case 6:
      budget.spend();
      delimited(field);
      draft.strings += 1;
      return;
    case 8:
      draft.name = wireText(delimited(field));
      return;
    case 9:
      draft.raw = delimited(field);
      return;
    case 12:
    case 16:
      delimited(field);
      return;
    case 13:
      draft.external = true;
      return;
    case 14:
      if (integer(field) !== 0n) draft.external = true;
      return;
    default:
      malformed(`a tensor has the unknown field ${field.number}`);
  }
}

function floats(draft: Draft, field: WireField, width: 4 | 8, budget: Budget): void {
  const single = width === 4 ? 5 : 1;
  if (field.type !== 2 && field.type !== single) malformed('a list of floats has the wrong wire type');
  if (field.bytes.length % width !== 0) malformed('a list of floats is cut off');
  if (draft.packed.parts.length > 0 && draft.packed.width !== width) malformed('a tensor holds floats of two widths');
  budget.spend();
  draft.packed.width = width;
  draft.packed.parts.push(field.bytes);
}

function finish(draft: Draft): OnnxTensor {
  const { name, dims, external } = draft;
  const elementType = draft.type ?? malformed('a tensor has no element type');
  const count = elementCount(dims);
  if (external) return { name, elementType, dims, external };
  const forms = [draft.raw !== undefined, draft.packed.parts.length > 0, draft.varints.length + draft.loose.length > 0, draft.strings > 0];
  if (forms.filter(Boolean).length > 1) malformed('a tensor holds its data in two forms');
  if (elementType === 'string') {
    if (draft.strings !== count) refuse('tensor-data', 'a tensor holds another number of elements than its dims say');
    return { name, elementType, dims, stringCount: draft.strings, external };
  }
  const data = draft.raw ?? (draft.packed.parts.length > 0 ? packedData(draft, elementType) : varintData(draft, elementType, count));
  if (data.length !== count * elementSize(elementType)) refuse('tensor-data', 'a tensor holds another number of elements than its dims say');
  return { name, elementType, dims, data, external };
}

/** Product of dims; negative dims and products past 2⁵³ are refused. */
export function elementCount(dims: readonly number[]): number {
  let count = 1;
  for (const dim of dims) {
    if (dim < 0) refuse('tensor-size', 'a tensor has a negative dimension');
    count *= dim;
    if (count > Number.MAX_SAFE_INTEGER) refuse('tensor-size', 'a tensor has more elements than can be counted');
  }
  return count;
}

function packedData(draft: Draft, type: ElementType): Uint8Array {
  if (type !== (draft.packed.width === 4 ? 'float' : 'double')) malformed('a tensor holds floats but has another type');
  const { parts } = draft.packed;
  return parts.length === 1 ? parts[0]! : joinBytes(parts);
}

/** Integers stored as varints, brought into the little-endian form of `raw_data`; stops at the declared count. */
function varintData(draft: Draft, type: ElementType, count: number): Uint8Array {
  if (type === 'float' || type === 'double') {
    if (draft.varints.length + draft.loose.length > 0) malformed('a tensor holds integers but has a float type');
    return new Uint8Array(0);
  }
  const size = elementSize(type);
  const stored = draft.loose.length + draft.varints.reduce((sum, part) => sum + part.length, 0);
  if (count > stored) refuse('tensor-data', 'a tensor holds another number of elements than its dims say');
  const data = new Uint8Array(count * size);
  const view = new DataView(data.buffer);
  let at = 0;
  const put = (value: bigint): void => {
    if (at + size > data.length) refuse('tensor-data', 'a tensor holds another number of elements than its dims say');
    for (let byte = 0; byte < size; byte++) view.setUint8(at + byte, Number((value >> BigInt(8 * byte)) & 0xffn));
    at += size;
  };
  for (const value of draft.loose) put(value);
  for (const part of draft.varints) for (const value of packedVarints(part)) put(value);
  if (at !== data.length) refuse('tensor-data', 'a tensor holds another number of elements than its dims say');
  return data;
}
