import { concatBytes, ok, reject, type Rejection, type Result } from '@skein/kernel';
import { floatBytes } from '@skein/models';
import type { Frame } from './frames.js';
import type { InferRequest, RunnerTensor, RunProfile, ScoreRequest, TrainRequest } from './types.js';

interface Part {
  readonly name: string;
  readonly elementType: string;
  readonly dims: readonly number[];
  readonly offset: number;
  readonly length: number;
}

/** Lays byte strings one after another and remembers where each begins. */
class Body {
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  add(bytes: Uint8Array): { offset: number; length: number } {
    const place = { offset: this.#length, length: bytes.length };
    this.#chunks.push(bytes);
    this.#length += bytes.length;
    return place;
  }

  tensor({ name, elementType, dims, data }: RunnerTensor): Part {
    return { name, elementType, dims, ...this.add(data) };
  }

  finish(): Uint8Array {
    return concatBytes(...this.#chunks);
  }
}

const uint32Bytes = (values: readonly number[]): Uint8Array => {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => view.setInt32(index * 4, value, true));
  return bytes;
};

/** One inference; the model travels only when the process does not have it yet. */
export function inferFrame(request: InferRequest, profile: RunProfile, withModel: boolean, forget: readonly string[] = []): Frame {
  const body = new Body();
  const model = withModel ? body.add(request.model) : undefined;
  const inputs = request.inputs.map((tensor) => body.tensor(tensor));
  return { header: { op: 'infer', key: request.modelKey, model, forget, profile, inputs }, body: body.finish() };
}

/** All rows of a data set through a model. */
export function scoreFrame({ model: bytes, dataset }: ScoreRequest, profile: RunProfile): Frame {
  const body = new Body();
  const model = body.add(bytes);
  const rows = body.tensor({ name: '', elementType: 'float', dims: [dataset.rows, dataset.columns.length], data: floatBytes(dataset.features) });
  return { header: { op: 'score', key: 'scored', model, profile, inputs: [rows] }, body: body.finish() };
}

/** Steps of a step graph. */
export function trainFrame(request: TrainRequest, key: string, profile: RunProfile, withModel: boolean, forget: readonly string[]): Frame {
  const body = new Body();
  const model = withModel ? body.add(request.stepGraph) : undefined;
  const header = {
    op: 'train',
    key,
    model,
    forget,
    profile,
    inputs: request.parameters.map((tensor) => body.tensor(tensor)),
    x: body.tensor(request.x),
    y: body.tensor(request.y),
    rows: { elementType: 'int32', ...body.add(uint32Bytes(request.batches.flat())) },
    batchSizes: request.batches.map(({ length }) => length),
    learningRate: request.learningRate,
    l2: request.l2,
  };
  return { header, body: body.finish() };
}

const SIZES: Readonly<Record<string, number>> = { float: 4, double: 8, int32: 4, int64: 8, bool: 1, uint8: 1 };

const isPart = (value: unknown): value is Part => {
  if (typeof value !== 'object' || value === null) return false;
  const part = value as Record<string, unknown>;
  const counts = [part['offset'], part['length'], ...(Array.isArray(part['dims']) ? (part['dims'] as unknown[]) : [undefined])];
  return typeof part['name'] === 'string' && typeof part['elementType'] === 'string' && counts.every((count) => Number.isSafeInteger(count) && (count as number) >= 0);
};

/** The tensors of an answer. The child is not trusted: places, types and sizes are checked. */
export function decodeTensors({ header, body }: Frame): Result<RunnerTensor[], Rejection> {
  const parts = header['outputs'];
  if (!Array.isArray(parts) || !parts.every(isPart)) return garbled();
  const tensors: RunnerTensor[] = [];
  for (const { name, elementType, dims, offset, length } of parts) {
    const size = SIZES[elementType];
    if (size === undefined || offset + length > body.length || dims.reduce((count, dim) => count * dim, size) !== length) return garbled();
    tensors.push({ name, elementType: elementType as RunnerTensor['elementType'], dims, data: body.slice(offset, offset + length) });
  }
  return ok(tensors);
}

const garbled = (): Result<never, Rejection> => reject('failed-precondition', 'model-run', 'the runner gave an answer that makes no sense', 'model');

/** A list of numbers of an answer's header; what is not a number comes out as NaN. */
export function replyNumbers({ header }: Frame, name: string): number[] {
  const values = header[name];
  return Array.isArray(values) ? values.map((value) => (typeof value === 'number' ? value : Number.NaN)) : [];
}
