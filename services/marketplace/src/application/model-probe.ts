import { admit, parseOnnx, type OnnxModel, type OnnxValue } from '@skein/models';
import type { Runner, RunnerTensor } from '@skein/runner';
import { err, ok, reject, type Rejection, type Result } from '@skein/kernel';
import type { ProbeResult, TensorSpec } from '../domain/model/model.events.js';
import { CODECS, datatypeOf } from '../domain/tensor/datatype.js';

/** A model that may be served, with what the probe measured. */
export interface ProbedModel {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly probe: ProbeResult;
}

/** A runner that also tells the memory of its processes. */
export type ProbeRunner = Pick<Runner, 'infer'> & { peakMemoryBytes(): Promise<number> };

const RUNS = 9;
const field = 'model';

/** Dimensions behind the batch must be numbers: a served shape is a promise. */
function specOf(value: OnnxValue): Result<TensorSpec, Rejection> {
  const datatype = value.elementType === undefined ? undefined : datatypeOf(value.elementType);
  if (datatype === undefined) return reject('invalid-argument', 'tensor-type', `"${value.name}" has a type that is not served`, field);
  const [batch, ...rest] = value.shape ?? [];
  if (value.shape === undefined || value.shape.length === 0) return reject('invalid-argument', 'tensor-shape', `"${value.name}" has no known shape`, field);
  const sizes = rest.map((size) => (typeof size === 'number' && size > 0 ? size : 0));
  if (sizes.includes(0)) return reject('invalid-argument', 'tensor-shape', `only the first dimension of "${value.name}" may be open`, field);
  return ok({ name: value.name, datatype, shape: [typeof batch === 'number' && batch > 0 ? batch : -1, ...sizes] });
}

function specsOf(values: readonly OnnxValue[]): Result<TensorSpec[], Rejection> {
  const specs: TensorSpec[] = [];
  for (const value of values) {
    const spec = specOf(value);
    if (!spec.ok) return spec;
    specs.push(spec.value);
  }
  return ok(specs);
}

const elements = (dims: readonly number[]): number => dims.reduce((product, size) => product * size, 1);

/** Multiply-accumulates of one row: every weight of a matrix product is used once per row. */
export function countMacs(model: OnnxModel): number {
  const weights = new Map(model.graph.initializers.map((tensor) => [tensor.name, tensor]));
  const used = model.graph.nodes.filter(({ opType }) => opType === 'Gemm' || opType === 'MatMul' || opType === 'Conv');
  return used.flatMap(({ inputs }) => inputs.slice(0, 2)).reduce((sum, name) => {
    const weight = weights.get(name);
    return weight === undefined ? sum : sum + elements(weight.dims);
  }, 0);
}

const zeros = ({ name, datatype, shape }: TensorSpec): RunnerTensor => {
  const dims = shape.map((size) => Math.max(size, 1));
  const codec = CODECS[datatype as keyof typeof CODECS];
  return { name, elementType: codec.elementType, dims, data: new Uint8Array(elements(dims) * codec.bytes) };
};

const bytesOf = (specs: readonly TensorSpec[]): number => specs.map(zeros).reduce((sum, { data }) => sum + data.length, 0);

/**
 * Admits a model by the arena's artifact rules, with its own tensors as the schema and only types that are served, then runs
 * it on a row of zeros and measures.
 */
export async function probeModel(bytes: Uint8Array, sha256: string, runner: ProbeRunner): Promise<Result<ProbedModel, Rejection>> {
  const parsed = parseOnnx(bytes);
  if (!parsed.ok) return parsed;
  const { graph } = parsed.value;
  const stored = new Set(graph.initializers.map(({ name }) => name));
  const [inputs, outputs] = [specsOf(graph.inputs.filter(({ name }) => !stored.has(name))), specsOf(graph.outputs)];
  if (!inputs.ok) return inputs;
  if (!outputs.ok) return outputs;
  const [input, output] = [inputs.value[0], outputs.value[0]];
  if (!input || !output) return reject('invalid-argument', 'tensor-shape', 'a model has at least one input and one output', field);
  const schema = (spec: TensorSpec) => ({ name: spec.name, elementType: CODECS[spec.datatype as keyof typeof CODECS].elementType, shape: spec.shape.slice(1) });
  const admitted = admit(bytes, { input: schema(input), output: schema(output) });
  if (!admitted.ok) return err(admitted.error);
  const measured = await measure(bytes, sha256, inputs.value, runner);
  if (!measured.ok) return measured;
  const size = bytesOf(inputs.value) + bytesOf(outputs.value);
  return ok({ inputs: inputs.value, outputs: outputs.value, probe: { macs: countMacs(parsed.value), bytes: size, ...measured.value } });
}

async function measure(bytes: Uint8Array, sha256: string, inputs: readonly TensorSpec[], runner: ProbeRunner) {
  const durationsUs: number[] = [];
  const startedMs = performance.now();
  let coldLoadUs = 0;
  for (let run = 0; run < RUNS; run += 1) {
    const outcome = await runner.infer({ modelKey: sha256, model: bytes, inputs: inputs.map(zeros) });
    if (!outcome.ok) return outcome;
    durationsUs.push(Math.max(1, Math.round(outcome.value.computeMs * 1_000)));
    if (run === 0) coldLoadUs = Math.round((performance.now() - startedMs) * 1_000);
  }
  durationsUs.sort((a, b) => a - b);
  return ok({ cpuUs: durationsUs[RUNS >> 1]!, coldLoadUs, peakMemoryBytes: await runner.peakMemoryBytes() });
}
