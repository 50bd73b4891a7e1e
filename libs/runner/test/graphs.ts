import { buildOnnx, floatValue, int64Initializer, modelOf, node, type OnnxAttribute } from '@skein/models';

/** A graph of its own: `nodes` make `scores` from `x`. */
export const graph = (nodes: Parameters<typeof modelOf>[1]['nodes'], initializers: Parameters<typeof modelOf>[1]['initializers'] = []): Uint8Array =>
  buildOnnx(modelOf('test', { nodes, initializers, inputs: [floatValue('x', ['N', 2])], outputs: [floatValue('scores', ['N', 1])] }));

/** A loop of 2⁶⁰ rounds. */
export function endless(): Uint8Array {
  const body: OnnxAttribute = {
    name: 'body',
    kind: 'graph',
    graph: {
      name: 'body',
      nodes: [node('Identity', ['going'], ['goes']), node('Cos', ['state'], ['next'])],
      initializers: [],
      inputs: [{ name: 'round', elementType: 'int64', shape: [] }, { name: 'going', elementType: 'bool', shape: [] }, floatValue('state', ['N', 1])],
      outputs: [{ name: 'goes', elementType: 'bool', shape: [] }, floatValue('next', ['N', 1])],
      values: [],
      sparseInitializers: 0,
    },
  };
  const rounds = { ...int64Initializer('rounds', [1n << 60n]), dims: [] };
  const always = { name: 'always', elementType: 'bool' as const, dims: [], data: Uint8Array.of(1), external: false };
  return graph([node('ReduceSum', ['x', 'axes'], ['start'], { keepdims: 1n }), { ...node('Loop', ['rounds', 'always', 'start'], ['scores']), attributes: [body] }], [rounds, always, int64Initializer('axes', [1n])]);
}
