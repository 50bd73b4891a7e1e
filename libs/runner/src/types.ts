import type { Rejection, Result } from '@skein/kernel';
import type { Dataset, MetricId } from '@skein/models';

/** Bounds of one runner process; what breaks one of them is killed and refused by rule name. */
export interface RunnerLimits {
  /** Resident memory, read every 50 ms (rule `runner-memory`). */
  readonly memoryMiBMax: number;
  /** Wall time of one request (rule `runner-time`). */
  readonly timeMsMax: number;
  /** Bytes of one answer (rule `runner-output`). */
  readonly outputBytesMax: number;
}

/** A dense tensor on its way in or out of a runner: elements little-endian, row-major. */
export interface RunnerTensor {
  readonly name: string;
  readonly elementType: 'float' | 'double' | 'int32' | 'int64' | 'bool' | 'uint8';
  readonly dims: readonly number[];
  readonly data: Uint8Array;
}

/** How a model is run. Together with the runtime's version this is the pinned profile of a score. */
export interface RunProfile {
  readonly executionProvider: 'cpu';
  readonly graphOptimisation: 'disabled' | 'basic' | 'extended' | 'all';
  readonly threads: number;
  readonly batchSize: number;
}

/** Everything needed to compute a score again. */
export interface ReplayManifest extends RunProfile {
  readonly artifactSha256: string;
  readonly datasetSha256: string;
  readonly metric: MetricId;
  readonly metricVersion: number;
  /** For example `onnxruntime-node 1.30.0`. */
  readonly runtime: string;
  /** The score: its 64 bits as 16 lower-case hex digits, big endian. */
  readonly resultBits: string;
  /** The score as a number. */
  readonly result: number;
}

/** Whose work it is, and until when it is wanted. */
export interface RunnerCaller {
  /** Who shares turns for a process; all without a tenant count as one. */
  readonly tenant?: string;
  /** Ends the waiting and the run: the answer is refused as `aborted`. */
  readonly signal?: AbortSignal | undefined;
}

/** One evaluation of untrusted bytes over rows, in a process of its own. */
export interface ScoreRequest extends RunnerCaller {
  readonly model: Uint8Array;
  readonly dataset: Dataset;
  /** SHA-256 of the data set's artifact, hex (part of the manifest). */
  readonly datasetSha256: string;
  readonly metric: MetricId;
  readonly limits?: Partial<RunnerLimits>;
}

/** What a replay is given: the same bytes as the score, which are checked against the manifest. */
export interface ReplayInputs extends RunnerCaller {
  readonly model: Uint8Array;
  readonly dataset: Dataset;
  readonly datasetSha256: string;
  readonly limits?: Partial<RunnerLimits>;
}

/** A score and how to repeat it. */
export interface ScoreOutcome {
  readonly score: number;
  readonly manifest: ReplayManifest;
  readonly durationMs: number;
}

/** What runs scores, serving and training steps. Implemented by `RunnerPool`. */
export interface Runner {
  score(request: ScoreRequest): Promise<Result<ScoreOutcome, Rejection>>;
  /** Recomputes a score by its manifest: `bitEqual` says whether all 64 bits agree. */
  replay(manifest: ReplayManifest, inputs: ReplayInputs): Promise<Result<{ bitEqual: boolean; result: number }, Rejection>>;
  /** Runs a model once in a warm pooled process (`fresh: true`: in a process of its own). */
  infer(request: InferRequest): Promise<Result<InferOutcome, Rejection>>;
  /** Runs a step graph over batches of rows; see `TrainRequest`. */
  train(request: TrainRequest): Promise<Result<TrainOutcome, Rejection>>;
}

/** One inference. `modelKey` (the SHA-256 of `model`) lets a warm process keep its session. */
export interface InferRequest extends RunnerCaller {
  readonly modelKey: string;
  readonly model: Uint8Array;
  readonly inputs: readonly RunnerTensor[];
  readonly fresh?: boolean;
  readonly limits?: Partial<RunnerLimits>;
}

/** Outputs of an inference; `computeMs` is the time the model itself ran. */
export interface InferOutcome {
  readonly outputs: readonly RunnerTensor[];
  readonly computeMs: number;
}

/**
 * Local training by a step graph (`deriveStepGraph`): for each list of row numbers in `batches`, in order, one step with
 * the rows of `x` and `y`. Nothing is drawn in the runner: shuffling is the caller's.
 */
export interface TrainRequest extends RunnerCaller {
  readonly stepGraph: Uint8Array;
  readonly parameters: readonly RunnerTensor[];
  /** `rows × features`, float32. */
  readonly x: RunnerTensor;
  /** `rows × outputs`, float32 (classes one-hot, or one column of 0/1). */
  readonly y: RunnerTensor;
  readonly batches: readonly (readonly number[])[];
  readonly learningRate: number;
  readonly l2: number;
  readonly limits?: Partial<RunnerLimits>;
}

/** Parameters after the last step, and the loss of each step (before its update). */
export interface TrainOutcome {
  readonly parameters: readonly RunnerTensor[];
  readonly losses: readonly number[];
}

/** What isolation the system allows; `missing` lists, in words, what it does not. */
export interface IsolationReport {
  /** No network at all: a network namespace of its own. */
  readonly networkNamespace: boolean;
  /** No capabilities and no way to new ones. */
  readonly noPrivileges: boolean;
  /** The kernel refuses to write a byte into any file. */
  readonly noFileWrites: boolean;
  /** The kernel kills it when its parent dies, even in the middle of a run. */
  readonly diesWithParent: boolean;
  /** Resident memory can be read while it runs. */
  readonly memoryWatch: boolean;
  readonly missing: readonly string[];
}
