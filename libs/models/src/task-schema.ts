import type { ElementType } from './onnx/model.js';

/** One tensor of a task's contract: the batch dimension comes first and is not listed in `shape`. */
export interface TensorSchema {
  readonly name: string;
  readonly elementType: ElementType;
  /** Sizes after the batch dimension, for example `[8]` for eight features. */
  readonly shape: readonly number[];
}

/**
 * What a model of a task must look like. The model has exactly one input and its first output is what is scored; names are
 * free unless `named` is set.
 */
export interface TaskSchema {
  readonly input: TensorSchema;
  readonly output: TensorSchema;
  /** Tensor names must equal the schema's too (default false). */
  readonly named?: boolean;
}

/** What a task allows of a model (defaults: `defaultModelLimits`). */
export interface ModelLimits {
  readonly bytesMax: number;
  readonly parametersMax: number;
  readonly opsetMin: number;
  readonly opsetMax: number;
  readonly nodesMax: number;
  readonly subgraphDepthMax: number;
  /** Largest single tensor: declared dims × size of the type. */
  readonly tensorBytesMax: number;
}

/** Limits that fit small tabular models; opsets 13 to 24 run on ONNX Runtime 1.30. */
export const defaultModelLimits: ModelLimits = {
  bytesMax: 16 * 1024 * 1024,
  parametersMax: 4_000_000,
  opsetMin: 13,
  opsetMax: 24,
  nodesMax: 10_000,
  subgraphDepthMax: 4,
  tensorBytesMax: 64 * 1024 * 1024,
};
