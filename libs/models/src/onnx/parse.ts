import { err, ok, RejectionError, type Rejection, type Result } from '@skein/kernel';
import { elementTypeOf } from './element-types.js';
import type { Dimension, OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxTensor, OnnxValue } from './model.js';
import { delimited, integer, integers, once, parseTensor } from './parse-tensor.js';
import { malformed, refuse } from './refusal.js';
import { Budget, signed, smallInteger, wireFields, wireText, type WireField } from './wire-reader.js';

/** Bounds of reading itself; admission has its own, smaller ones. */
export interface ParseLimits {
  readonly bytesMax: number;
  /** Nodes, names, dims, attribute integers and other parts that become objects, all together. */
  readonly partsMax: number;
  readonly graphDepthMax: number;
}

/** Bounds that keep reading below about 100 MiB of memory besides the bytes themselves. */
export const defaultParseLimits: ParseLimits = { bytesMax: 512 * 1024 * 1024, partsMax: 400_000, graphDepthMax: 16 };

/**
 * Reads an ONNX model from untrusted bytes: at most `partsMax` objects, no copies of weights, no recursion past
 * `graphDepthMax`. Refuses (rule `size`, `valid-protobuf`, `subgraph-depth`, `tensor-type`, `tensor-data`,
 * `tensor-size`), never throws. Fields that the format does not know and single fields that occur twice are refused, so
 * that no other reader can see another model in the same bytes.
 */
export function parseOnnx(bytes: Uint8Array, limits: ParseLimits = defaultParseLimits): Result<OnnxModel, Rejection> {
  try {
    if (bytes.length > limits.bytesMax) refuse('size', `the model has ${bytes.length} bytes, more than ${limits.bytesMax}`);
    return ok(readModel(bytes, { budget: new Budget(limits.partsMax), depthMax: limits.graphDepthMax }));
  } catch (error) {
    if (error instanceof RejectionError) return err(error.rejection);
    throw error;
  }
}

interface Reading {
  readonly budget: Budget;
  readonly depthMax: number;
}

function readModel(bytes: Uint8Array, reading: Reading): OnnxModel {
  const seen = new Set<number>();
  const opsets: { domain: string; version: number }[] = [];
  let [irVersion, producer, functions, trainingInfos] = [0, '', 0, 0];
  let graph: OnnxGraph | undefined;
  for (const field of wireFields(bytes)) {
    reading.budget.spend();
    const single = ![8, 14, 20, 25, 26].includes(field.number);
    if (single) once(seen, field);
    switch (field.number) {
      case 1:
        irVersion = smallInteger(integer(field), 'the IR version');
        break;
      case 2:
        producer = wireText(delimited(field));
        break;
      case 5:
        integer(field);
        break;
      case 7:
        graph = readGraph(delimited(field), reading, 1);
        break;
      case 8:
        opsets.push(readOpset(delimited(field)));
        break;
      case 20:
        trainingInfos += 1;
        break;
      case 25:
        functions += 1;
        break;
      case 3:
      case 4:
      case 6:
      case 14:
      case 26:
        delimited(field);
        break;
      default:
        malformed(`the model has the unknown field ${field.number}`);
    }
  }
  if (graph === undefined) return malformed('the model has no graph');
  if (irVersion < 1) malformed('the model has no IR version');
  return { irVersion, opsets, producer, graph, functions, trainingInfos };
}

function readOpset(bytes: Uint8Array): { domain: string; version: number } {
  const seen = new Set<number>();
  let [domain, version] = ['', 0];
  for (const field of wireFields(bytes)) {
    once(seen, field);
    if (field.number === 1) domain = wireText(delimited(field));
    else if (field.number === 2) version = smallInteger(integer(field), 'an opset version');
    else malformed('an opset has an unknown field');
  }
  return { domain, version };
}

function readGraph(bytes: Uint8Array, reading: Reading, depth: number): OnnxGraph {
  if (depth > reading.depthMax) refuse('subgraph-depth', `graphs are nested more than ${reading.depthMax} deep`);
  const seen = new Set<number>();
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [];
  const lists: Record<11 | 12 | 13, OnnxValue[]> = { 11: [], 12: [], 13: [] };
  let [name, sparseInitializers] = ['', 0];
  for (const field of wireFields(bytes)) {
    reading.budget.spend();
    const part = delimited(field);
    if (field.number === 2 || field.number === 10) once(seen, field);
    if (field.number === 1) nodes.push(readNode(part, reading, depth));
    else if (field.number === 2) name = wireText(part);
    else if (field.number === 5) initializers.push(parseTensor(part, reading.budget));
    else if (field.number === 11 || field.number === 12 || field.number === 13) lists[field.number].push(readValue(part, reading.budget));
    else if (field.number === 15) sparseInitializers += 1;
    else if (![10, 14, 16].includes(field.number)) malformed(`a graph has the unknown field ${field.number}`);
  }
  return { name, nodes, initializers, inputs: lists[11], outputs: lists[12], values: lists[13], sparseInitializers };
}

function readNode(bytes: Uint8Array, reading: Reading, depth: number): OnnxNode {
  const seen = new Set<number>();
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes: OnnxAttribute[] = [];
  let [name, opType, domain] = ['', '', ''];
  for (const field of wireFields(bytes)) {
    reading.budget.spend();
    const part = delimited(field);
    if (![1, 2, 5, 9, 10].includes(field.number)) once(seen, field);
    if (field.number === 1) inputs.push(wireText(part));
    else if (field.number === 2) outputs.push(wireText(part));
    else if (field.number === 3) name = wireText(part);
    else if (field.number === 4) opType = wireText(part);
    else if (field.number === 5) attributes.push(readAttribute(part, reading, depth));
    else if (field.number === 7) domain = wireText(part);
    else if (field.number === 8 && part.length > 0) malformed('a node names an overload of a local function');
    else if (![6, 8, 9, 10].includes(field.number)) malformed(`a node has the unknown field ${field.number}`);
  }
  if (opType === '') malformed('a node has no operator');
  return { name, opType, domain, inputs, outputs, attributes };
}

type AttributeDraft = { -readonly [K in keyof OnnxAttribute]: OnnxAttribute[K] } & {
  floats: number[];
  ints: bigint[];
  strings: Uint8Array[];
  tensors: OnnxTensor[];
  graphs: OnnxGraph[];
};

const KINDS: Readonly<Record<number, OnnxAttribute['kind']>> = {
  1: 'float',
  2: 'int',
  3: 'string',
  4: 'tensor',
  5: 'graph',
  6: 'floats',
  7: 'ints',
  8: 'strings',
  9: 'tensors',
  10: 'graphs',
};

function readAttribute(bytes: Uint8Array, reading: Reading, depth: number): OnnxAttribute {
  const seen = new Set<number>();
  const draft: AttributeDraft = { name: '', kind: 'int', floats: [], ints: [], strings: [], tensors: [], graphs: [] };
  let kind: OnnxAttribute['kind'] | undefined;
  for (const field of wireFields(bytes)) {
    if (![7, 8, 9, 10, 11].includes(field.number)) once(seen, field);
    if (field.number === 20) kind = KINDS[smallInteger(integer(field), 'an attribute type')] ?? malformed('an attribute has a type that is not admitted');
    else readAttributeField(draft, field, reading, depth);
  }
  return { ...draft, kind: kind ?? malformed('an attribute has no type') };
}

function readAttributeField(draft: AttributeDraft, field: WireField, reading: Reading, depth: number): void {
  const { budget } = reading;
  budget.spend();
  switch (field.number) {
    case 1:
      draft.name = wireText(delimited(field));
      return;
    case 2:
      if (field.type !== 5) malformed('a float attribute has the wrong wire type');
      draft.float = view(field.bytes).getFloat32(0, true);
      return;
    case 3:
      draft.int = signed(integer(field));
      return;
    case 4:
      draft.string = delimited(field);
      return;
    case 5:
      draft.tensor = parseTensor(delimited(field), budget);
      return;
    case 6:
      draft.graph = readGraph(delimited(field), reading, depth + 1);
      return;
    case 7:
      return floatList(draft.floats, field, budget);
    case 8: {
      const values: bigint[] = [];
      integers(field, budget, values);
      for (const value of values) draft.ints.push(signed(value));
      return;
    }
    case 9:
      draft.strings.push(delimited(field));
      return;
    case 10:
      draft.tensors.push(parseTensor(delimited(field), budget));
      return;
    case 11:
      draft.graphs.push(readGraph(delimited(field), reading, depth + 1));
      return;
    case 13:
      delimited(field);
      return;
    default:
      malformed(`an attribute has the unknown field ${field.number}`);
  }
}

function floatList(into: number[], field: WireField, budget: Budget): void {
  if ((field.type !== 2 && field.type !== 5) || field.bytes.length % 4 !== 0) malformed('a list of floats has the wrong form');
  budget.spend(field.bytes.length / 4);
  const data = view(field.bytes);
  for (let at = 0; at < field.bytes.length; at += 4) into.push(data.getFloat32(at, true));
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

function readValue(bytes: Uint8Array, budget: Budget): OnnxValue {
  const seen = new Set<number>();
  let name = '';
  let type: Pick<OnnxValue, 'elementType' | 'shape'> = {};
  for (const field of wireFields(bytes)) {
    const part = delimited(field);
    if (field.number !== 4) once(seen, field);
    if (field.number === 1) name = wireText(part);
    else if (field.number === 2) type = readType(part, budget);
    else if (field.number !== 3 && field.number !== 4) malformed('a value has an unknown field');
  }
  return { name, ...type };
}

/** TypeProto: only tensors get an element type; sequences, maps and optionals come out without one. */
function readType(bytes: Uint8Array, budget: Budget): Pick<OnnxValue, 'elementType' | 'shape'> {
  const seen = new Set<number>();
  let tensor: Pick<OnnxValue, 'elementType' | 'shape'> = {};
  let kinds = 0;
  for (const field of wireFields(bytes)) {
    once(seen, field);
    if (field.number !== 6) kinds += 1;
    if (field.number === 1) tensor = readTensorType(delimited(field), budget);
  }
  if (kinds > 1) malformed('a value has two types');
  return tensor;
}

function readTensorType(bytes: Uint8Array, budget: Budget): Pick<OnnxValue, 'elementType' | 'shape'> {
  const seen = new Set<number>();
  const type: { elementType?: OnnxValue['elementType']; shape?: Dimension[] } = {};
  for (const field of wireFields(bytes)) {
    once(seen, field);
    if (field.number === 1) type.elementType = elementTypeOf(smallInteger(integer(field), 'an element type'));
    else if (field.number === 2) type.shape = readShape(delimited(field), budget);
    else malformed('a tensor type has an unknown field');
  }
  return type;
}

function readShape(bytes: Uint8Array, budget: Budget): Dimension[] {
  const shape: Dimension[] = [];
  for (const field of wireFields(bytes)) {
    if (field.number !== 1) malformed('a shape has an unknown field');
    budget.spend();
    shape.push(readDimension(delimited(field)));
  }
  return shape;
}

function readDimension(bytes: Uint8Array): Dimension {
  let dimension: Dimension;
  const seen = new Set<number>();
  for (const field of wireFields(bytes)) {
    once(seen, field);
    if (field.number === 1) dimension = smallInteger(integer(field), 'a dimension');
    else if (field.number === 2) dimension = wireText(delimited(field));
    else if (field.number !== 3) malformed('a dimension has an unknown field');
  }
  if (seen.has(1) && seen.has(2)) malformed('a dimension is both a number and a symbol');
  return dimension;
}
