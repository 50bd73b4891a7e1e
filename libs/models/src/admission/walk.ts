import type { OnnxGraph, OnnxNode, OnnxTensor } from '../onnx/model.js';

/** Every graph of a model with its depth: 1 for the main graph, 2 for a graph inside one of its nodes, and so on. */
export function* graphsOf(graph: OnnxGraph, depth = 1): Generator<{ graph: OnnxGraph; depth: number }> {
  yield { graph, depth };
  for (const node of graph.nodes) {
    for (const attribute of node.attributes) {
      if (attribute.graph !== undefined) yield* graphsOf(attribute.graph, depth + 1);
      for (const inner of attribute.graphs ?? []) yield* graphsOf(inner, depth + 1);
    }
  }
}

/** Every node of a model, those of inner graphs too. */
export function* nodesOf(graph: OnnxGraph): Generator<OnnxNode> {
  for (const inner of graphsOf(graph)) yield* inner.graph.nodes;
}

/** Every stored tensor of a model: initializers and tensors in attributes, of all graphs. */
export function* tensorsOf(graph: OnnxGraph): Generator<OnnxTensor> {
  for (const { graph: inner } of graphsOf(graph)) {
    yield* inner.initializers;
    for (const node of inner.nodes) {
      for (const attribute of node.attributes) {
        if (attribute.tensor !== undefined) yield attribute.tensor;
        yield* attribute.tensors ?? [];
      }
    }
  }
}
