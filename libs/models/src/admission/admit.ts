import { err, ok, reject, RejectionError, sha256Hex, type Rejection, type Result } from '@skein/kernel';
import type { OnnxModel } from '../onnx/model.js';
import { defaultParseLimits, parseOnnx } from '../onnx/parse.js';
import { defaultModelLimits, type ModelLimits, type TaskSchema } from '../task-schema.js';
import { admissionRules, countParameters } from './rules.js';

/** What is known of a model once it is admitted. */
export interface Admitted {
  readonly sha256: string;
  readonly bytes: number;
  readonly parameters: number;
  readonly nodes: number;
  readonly opset: number;
  /** The names under which a runner feeds and reads the model. */
  readonly inputName: string;
  readonly outputName: string;
}

/**
 * Judges untrusted bytes as a model of a task without running them. Refusals carry `field: 'model'` and one of the rules
 * size, valid-protobuf, tensor-type, tensor-data, opset, external-data, custom-domain, random-operator, node-count,
 * subgraph-depth, tensor-size, input-schema, output-schema, finite-weights, parameter-count; the first broken one, in the
 * order of `admissionRules`.
 */
export function admit(bytes: Uint8Array, schema: TaskSchema, limits: Partial<ModelLimits> = {}): Result<Admitted, Rejection> {
  const bounds = { ...defaultModelLimits, ...limits };
  if (bytes.length > bounds.bytesMax) return reject('invalid-argument', 'size', `the model has ${bytes.length} bytes, more than ${bounds.bytesMax}`, 'model');
  if (bytes.length === 0) return reject('invalid-argument', 'size', 'the model has no bytes', 'model');
  const parsed = parseOnnx(bytes, { ...defaultParseLimits, bytesMax: bounds.bytesMax });
  if (!parsed.ok) return parsed;
  try {
    for (const rule of admissionRules) rule({ model: parsed.value, schema, limits: bounds });
  } catch (error) {
    if (error instanceof RejectionError) return err(error.rejection);
    throw error;
  }
  return ok(describe(bytes, parsed.value));
}

function describe(bytes: Uint8Array, model: OnnxModel): Admitted {
  const stored = new Set(model.graph.initializers.map(({ name }) => name));
  return {
    sha256: sha256Hex(bytes),
    bytes: bytes.length,
    parameters: countParameters(model),
    nodes: model.graph.nodes.length,
    opset: model.opsets.find(({ domain }) => domain === '' || domain === 'ai.onnx')!.version,
    inputName: model.graph.inputs.find(({ name }) => !stored.has(name))!.name,
    outputName: model.graph.outputs[0]!.name,
  };
}
