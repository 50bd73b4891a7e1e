/** One trainable tensor of the manifest: name in the forward graph and sizes, float32, row-major. */
export interface ParameterSpec {
  readonly name: string;
  readonly dims: readonly number[];
}

/** How long each phase may last at most. */
export interface Deadlines {
  readonly joiningMs: number;
  readonly contributingMs: number;
  readonly committingMs: number;
  readonly revealingMs: number;
}

/** What a federated task is: data, never code. Amounts in base units, shares in millionths. */
export interface Manifest {
  readonly title: string;
  /** The arena task whose winner this starts from; empty when there is none. */
  readonly arenaTask: string;
  /** Forward ONNX graph with the starting weights. */
  readonly forwardSha256: string;
  /** CSV of public rows that every node may read. */
  readonly publicRowsSha256: string;
  readonly parameters: readonly ParameterSpec[];
  readonly training: { readonly localEpochs: number; readonly batch: number; readonly learningRate: number; readonly l2: number };
  readonly rule: { readonly name: string; readonly parameters: Readonly<Record<string, number>>; readonly updatesMin: number };
  readonly rounds: number;
  readonly participantsMin: number;
  readonly participantsMax: number;
  /** Share of the participants that propose; rounded up. */
  readonly proposersPpm: number;
  readonly stakeThreshold: bigint;
  readonly slashRatePpm: number;
  /** `own-robust-score` slashes outliers of a round voted down; `reference` slashes by outcome. */
  readonly slashing: 'own-robust-score' | 'reference';
  /** A robust score above this is slashed under `own-robust-score`. */
  readonly robustScoreMax: number;
  /** A voter votes +1 up to (1 + this) × the current loss. */
  readonly voteTolerancePpm: number;
  /** Most examples a contribution may claim. */
  readonly examplesMax: number;
  readonly deadlines: Deadlines;
}

/** One million: the whole of a share in millionths. */
export const PPM = 1_000_000;
