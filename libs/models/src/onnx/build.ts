import { elementTypeCode } from './element-types.js';
import type { Dimension, OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxTensor, OnnxValue } from './model.js';
import { WireWriter } from './wire-writer.js';

const ATTRIBUTE_TYPES: Readonly<Record<OnnxAttribute['kind'], number>> = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
  tensors: 9,
  graphs: 10,
};

/** Writes a model as ONNX protobuf. Equal models give equal bytes; `parseOnnx(buildOnnx(m))` is `m`. */
export function buildOnnx(model: OnnxModel): Uint8Array {
  const writer = new WireWriter().int(1, model.irVersion);
  if (model.producer !== '') writer.text(2, model.producer);
  writer.message(7, writeGraph(model.graph));
  for (const { domain, version } of model.opsets) writer.message(8, writeOpset(domain, version));
  return writer.finish();
}

function writeOpset(domain: string, version: number): WireWriter {
  const writer = new WireWriter();
  if (domain !== '') writer.text(1, domain);
  return writer.int(2, version);
}

function writeGraph(graph: OnnxGraph): WireWriter {
  const writer = new WireWriter();
  for (const node of graph.nodes) writer.message(1, writeNode(node));
  writer.text(2, graph.name);
  for (const tensor of graph.initializers) writer.message(5, writeTensor(tensor));
  for (const value of graph.inputs) writer.message(11, writeValue(value));
  for (const value of graph.outputs) writer.message(12, writeValue(value));
  for (const value of graph.values) writer.message(13, writeValue(value));
  return writer;
}

function writeNode(node: OnnxNode): WireWriter {
  const writer = new WireWriter();
  for (const input of node.inputs) writer.text(1, input);
  for (const output of node.outputs) writer.text(2, output);
  if (node.name !== '') writer.text(3, node.name);
  writer.text(4, node.opType);
  for (const attribute of node.attributes) writer.message(5, writeAttribute(attribute));
  if (node.domain !== '') writer.text(7, node.domain);
  return writer;
}

function writeAttribute(attribute: OnnxAttribute): WireWriter {
  const writer = new WireWriter().text(1, attribute.name);
  if (attribute.float !== undefined) writer.float(2, attribute.float);
  if (attribute.int !== undefined) writer.int(3, attribute.int);
  if (attribute.string !== undefined) writer.bytes(4, attribute.string);
  if (attribute.tensor !== undefined) writer.message(5, writeTensor(attribute.tensor));
  if (attribute.graph !== undefined) writer.message(6, writeGraph(attribute.graph));
  for (const value of attribute.floats ?? []) writer.float(7, value);
  for (const value of attribute.ints ?? []) writer.int(8, value);
  for (const value of attribute.strings ?? []) writer.bytes(9, value);
  for (const value of attribute.tensors ?? []) writer.message(10, writeTensor(value));
  for (const value of attribute.graphs ?? []) writer.message(11, writeGraph(value));
  return writer.int(20, ATTRIBUTE_TYPES[attribute.kind]);
}

/** External data is written as a reference to the file `weights.bin`: such a model exists to be refused. */
function writeTensor(tensor: OnnxTensor): WireWriter {
  const writer = new WireWriter();
  for (const dim of tensor.dims) writer.int(1, dim);
  writer.int(2, elementTypeCode(tensor.elementType));
  for (let i = 0; i < (tensor.stringCount ?? 0); i++) writer.text(6, '');
  writer.text(8, tensor.name);
  if (tensor.external) {
    writer.message(13, new WireWriter().text(1, 'location').text(2, 'weights.bin')).int(14, 1);
  } else if (tensor.data !== undefined) writer.bytes(9, tensor.data);
  return writer;
}

function writeValue(value: OnnxValue): WireWriter {
  const writer = new WireWriter().text(1, value.name);
  if (value.elementType === undefined) return writer;
  const tensor = new WireWriter().int(1, elementTypeCode(value.elementType));
  if (value.shape !== undefined) {
    const shape = new WireWriter();
    for (const dimension of value.shape) shape.message(1, writeDimension(dimension));
    tensor.message(2, shape);
  }
  return writer.message(2, new WireWriter().message(1, tensor));
}

function writeDimension(dimension: Dimension): WireWriter {
  const writer = new WireWriter();
  if (typeof dimension === 'number') writer.int(1, dimension);
  else if (dimension !== undefined) writer.text(2, dimension);
  return writer;
}
