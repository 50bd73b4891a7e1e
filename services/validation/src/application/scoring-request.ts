/** A scoring as the arena asks for it, decoded. */
export interface ScoringRequest {
  readonly scoringId: string;
  readonly task: string;
  readonly taskRequestId: string;
  readonly round: number;
  readonly purpose: 'epoch' | 'final';
  readonly dataSetSha256: string;
  readonly dataSetRows: number;
  readonly labelColumn: string;
  readonly metric: string;
  readonly metricStepNano: bigint;
  readonly validatorsPerSubmission: number;
  readonly quorum: number;
  readonly consensus: 'median' | 'mean';
  readonly lambdaNano: bigint;
  readonly toleranceNano: bigint;
  readonly requestedAtMs: number;
  readonly deadlineMs: number;
  readonly intervalSeconds: number;
  readonly millisecondsPerRowMax: number;
  readonly inputShape: readonly number[];
  readonly outputShape: readonly number[];
  /** In commit order. */
  readonly submissions: readonly { readonly submission: string; readonly owner: string; readonly artifactSha256: string; readonly order: number }[];
  readonly validators: readonly { readonly wallet: string; readonly stakeUnits: bigint }[];
}
