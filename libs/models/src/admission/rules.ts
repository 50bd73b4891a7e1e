import { elementSize } from '../onnx/element-types.js';
import type { OnnxModel, OnnxValue } from '../onnx/model.js';
import { elementCount } from '../onnx/parse-tensor.js';
import { refuse } from '../onnx/refusal.js';
import type { ModelLimits, TaskSchema, TensorSchema } from '../task-schema.js';
import { hasFiniteAttributes, isFiniteTensor } from './finite.js';
import { graphsOf, nodesOf, tensorsOf } from './walk.js';

/** What a rule sees. */
export interface Candidate {
  readonly model: OnnxModel;
  readonly schema: TaskSchema;
  readonly limits: ModelLimits;
}

/** A rule refuses by throwing through `refuse`. */
export type AdmissionRule = (candidate: Candidate) => void;

const STANDARD_DOMAINS: ReadonlySet<string> = new Set(['', 'ai.onnx', 'ai.onnx.ml']);
const RANDOM_OPERATORS: ReadonlySet<string> = new Set([
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
  'Multinomial',
  'Bernoulli',
]);

const opset: AdmissionRule = ({ model, limits }) => {
  const standard = model.opsets.filter(({ domain }) => domain === '' || domain === 'ai.onnx');
  if (standard.length !== 1) refuse('opset', 'the model names the standard operator set not exactly once');
  const { version } = standard[0]!;
  if (version < limits.opsetMin || version > limits.opsetMax) refuse('opset', `opset ${version} is outside ${limits.opsetMin} to ${limits.opsetMax}`);
};

const externalData: AdmissionRule = ({ model }) => {
  for (const tensor of tensorsOf(model.graph)) if (tensor.external) refuse('external-data', 'a tensor names data outside the model');
};

const customDomain: AdmissionRule = ({ model }) => {
  if (model.functions > 0) refuse('custom-domain', 'the model defines functions of its own');
  if (model.trainingInfos > 0) refuse('custom-domain', 'the model carries a training block');
  for (const { domain } of model.opsets) if (!STANDARD_DOMAINS.has(domain)) refuse('custom-domain', 'the model imports operators of a custom domain');
  for (const { domain } of nodesOf(model.graph)) if (!STANDARD_DOMAINS.has(domain)) refuse('custom-domain', 'a node is of a custom domain');
};

const randomOperator: AdmissionRule = ({ model }) => {
  for (const { opType, inputs } of nodesOf(model.graph)) {
    if (RANDOM_OPERATORS.has(opType)) refuse('random-operator', `${opType} draws random numbers`);
    if (opType === 'Dropout' && (inputs[2] ?? '') !== '') refuse('random-operator', 'Dropout in training mode draws random numbers');
  }
};

const nodeCount: AdmissionRule = ({ model, limits }) => {
  let count = 0;
  for (const { graph } of graphsOf(model.graph)) count += graph.nodes.length;
  if (count > limits.nodesMax) refuse('node-count', `the model has ${count} nodes, more than ${limits.nodesMax}`);
};

const subgraphDepth: AdmissionRule = ({ model, limits }) => {
  for (const { depth } of graphsOf(model.graph)) if (depth > limits.subgraphDepthMax) refuse('subgraph-depth', `graphs are nested more than ${limits.subgraphDepthMax} deep`);
};

const tensorSize: AdmissionRule = ({ model, limits }) => {
  for (const { dims, elementType } of tensorsOf(model.graph)) {
    if (elementCount(dims) * elementSize(elementType) > limits.tensorBytesMax) refuse('tensor-size', `a stored tensor is larger than ${limits.tensorBytesMax} bytes`);
  }
  for (const { graph } of graphsOf(model.graph)) {
    if (graph.sparseInitializers > 0) refuse('tensor-size', 'sparse tensors are not admitted');
    for (const value of [...graph.inputs, ...graph.outputs, ...graph.values]) declaredSize(value, limits);
  }
};

function declaredSize({ shape, elementType }: OnnxValue, limits: ModelLimits): void {
  const known = (shape ?? []).filter((dimension) => typeof dimension === 'number');
  if (elementCount(known) * elementSize(elementType ?? 'float') > limits.tensorBytesMax) refuse('tensor-size', `a declared tensor is larger than ${limits.tensorBytesMax} bytes`);
}

const inputSchema: AdmissionRule = ({ model, schema }) => {
  const stored = new Set(model.graph.initializers.map(({ name }) => name));
  const inputs = model.graph.inputs.filter(({ name }) => !stored.has(name));
  if (inputs.length !== 1) refuse('input-schema', `the model has ${inputs.length} inputs where the task has 1`);
  matches('input-schema', inputs[0]!, schema.input, schema.named === true);
};

const outputSchema: AdmissionRule = ({ model, schema }) => {
  const [output, ...more] = model.graph.outputs;
  if (output === undefined) return refuse('output-schema', 'the model has no output');
  if (more.length > 0) refuse('output-schema', `the model has ${more.length + 1} outputs where the task has 1`);
  matches('output-schema', output, schema.output, schema.named === true);
};

/** The batch dimension must be a symbol or unknown; every other one must be the schema's number. */
function matches(rule: string, value: OnnxValue, schema: TensorSchema, named: boolean): void {
  if (named && value.name !== schema.name) refuse(rule, `the tensor is not named ${schema.name}`);
  if (value.elementType !== schema.elementType) refuse(rule, `the tensor is ${value.elementType ?? 'not a tensor'}, not ${schema.elementType}`);
  const { shape } = value;
  if (shape === undefined || shape.length !== schema.shape.length + 1) return refuse(rule, `the tensor has not ${schema.shape.length + 1} dimensions`);
  if (typeof shape[0] === 'number') refuse(rule, 'the batch dimension is fixed');
  schema.shape.forEach((size, index) => {
    if (shape[index + 1] !== size) refuse(rule, `dimension ${index + 1} is not ${size}`);
  });
}

const finiteWeights: AdmissionRule = ({ model }) => {
  for (const tensor of tensorsOf(model.graph)) if (!isFiniteTensor(tensor)) refuse('finite-weights', 'a weight is NaN or infinite');
  for (const node of nodesOf(model.graph)) if (!hasFiniteAttributes(node)) refuse('finite-weights', 'an attribute is NaN or infinite');
};

const parameterCountRule: AdmissionRule = ({ model, limits }) => {
  const count = countParameters(model);
  if (count > limits.parametersMax) refuse('parameter-count', `the model has ${count} parameters, more than ${limits.parametersMax}`);
};

/** Elements of all stored tensors of a model. */
export function countParameters(model: OnnxModel): number {
  let count = 0;
  for (const { dims } of tensorsOf(model.graph)) count += elementCount(dims);
  return count;
}

/** The rules after reading, in the order in which a model meets them. */
export const admissionRules: readonly AdmissionRule[] = [
  opset,
  externalData,
  customDomain,
  randomOperator,
  nodeCount,
  subgraphDepth,
  tensorSize,
  inputSchema,
  outputSchema,
  finiteWeights,
  parameterCountRule,
];
