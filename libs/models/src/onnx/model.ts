/** Element types of tensors that Skein knows (names after ONNX TensorProto.DataType, lower case). */
export type ElementType =
  | 'float'
  | 'uint8'
  | 'int8'
  | 'uint16'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'string'
  | 'bool'
  | 'float16'
  | 'double'
  | 'uint32'
  | 'uint64'
  | 'bfloat16';

/** A dimension: a number, a symbol (for example the batch `N`), or unknown. */
export type Dimension = number | string | undefined;

/**
 * A tensor as stored in a model. `data` holds the elements little-endian and densely packed (views into the parsed bytes
 * where the file has `raw_data` or packed floats); it is absent for external tensors and for strings.
 */
export interface OnnxTensor {
  readonly name: string;
  readonly elementType: ElementType;
  readonly dims: readonly number[];
  readonly data?: Uint8Array;
  /** Number of elements stored as `string_data`. */
  readonly stringCount?: number;
  /** The tensor names a file outside the model (never admitted). */
  readonly external: boolean;
}

/** One attribute of a node. `ints` are bigint because attributes hold 64-bit integers. */
export interface OnnxAttribute {
  readonly name: string;
  readonly kind: 'float' | 'int' | 'string' | 'tensor' | 'graph' | 'floats' | 'ints' | 'strings' | 'tensors' | 'graphs';
  readonly float?: number;
  readonly int?: bigint;
  readonly string?: Uint8Array;
  readonly tensor?: OnnxTensor;
  readonly graph?: OnnxGraph;
  readonly floats?: readonly number[];
  readonly ints?: readonly bigint[];
  readonly strings?: readonly Uint8Array[];
  readonly tensors?: readonly OnnxTensor[];
  readonly graphs?: readonly OnnxGraph[];
}

/** One operator application. An empty input name is an omitted optional input. */
export interface OnnxNode {
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly OnnxAttribute[];
}

/** A named value of a graph. `elementType` is absent when the value is not a tensor (sequence, map, optional). */
export interface OnnxValue {
  readonly name: string;
  readonly elementType?: ElementType;
  /** Absent: the rank is unknown. */
  readonly shape?: readonly Dimension[];
}

/** A graph: nodes in topological order, constants (initializers), inputs and outputs. */
export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly values: readonly OnnxValue[];
  /** How many sparse initializers the file declares (never admitted). */
  readonly sparseInitializers: number;
}

/** A parsed model. */
export interface OnnxModel {
  readonly irVersion: number;
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
  readonly producer: string;
  readonly graph: OnnxGraph;
  /** How many model-local functions the file defines (never admitted). */
  readonly functions: number;
  /** How many training blocks the file holds (never admitted). */
  readonly trainingInfos: number;
}

/** A dense float32 tensor of parameters, row-major. */
export interface FloatTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly values: Float32Array;
}
