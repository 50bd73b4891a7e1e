import type { DomainEvent } from '@skein/kernel';

/** How to compute a score again; `resultBits` is the double, 16 hex digits big endian. */
export interface Manifest {
  readonly artifactSha256: string;
  readonly dataSetSha256: string;
  readonly metric: string;
  readonly metricVersion: number;
  readonly runtime: string;
  readonly executionProvider: string;
  readonly graphOptimisation: string;
  readonly threads: number;
  readonly batchSize: number;
  readonly resultBits: string;
}

export interface BeaconValue {
  readonly kind: 'seeded' | 'block';
  readonly value: string;
}

/** One drawn validator; `stakeUnits` is its counted stake when the scoring was requested. */
export interface DrawnValidator {
  readonly assignmentId: string;
  readonly validator: string;
  readonly stakeUnits: bigint;
  readonly managed: boolean;
}

/** What is scored, with what, and by when. */
export interface EvaluationTerms {
  readonly evaluationId: string;
  readonly scoringId: string;
  readonly task: string;
  readonly submission: string;
  readonly owner: string;
  /** Place in the task's commit order. */
  readonly order: number;
  readonly round: number;
  readonly purpose: 'epoch' | 'final';
  readonly artifactSha256: string;
  readonly dataSetSha256: string;
  readonly dataSetRows: number;
  readonly labelColumn: string;
  readonly metric: string;
  readonly inputShape: readonly number[];
  readonly outputShape: readonly number[];
  readonly millisecondsPerRowMax: number;
  readonly consensus: 'median' | 'mean';
  readonly lambdaNano: bigint;
  readonly toleranceNano: bigint;
  /** Smallest step of the metric over the rows. */
  readonly metricStepNano: bigint;
  readonly quorum: number;
  readonly intervalSeconds: number;
  readonly sealDueAtMs: number;
  readonly revealDueAtMs: number;
}

interface OfAssignment {
  readonly evaluationId: string;
  readonly assignmentId: string;
  readonly validator: string;
  readonly atMs: number;
}

interface OfVerdict {
  readonly evaluationId: string;
  readonly scoringId: string;
  readonly task: string;
  readonly submission: string;
  readonly round: number;
  readonly purpose: 'epoch' | 'final';
  readonly missed: readonly MissedAssignment[];
  readonly beacon: BeaconValue;
  readonly atMs: number;
}

export interface CountedScore {
  readonly assignmentId: string;
  readonly validator: string;
  readonly stakeUnits: bigint;
  readonly scoreNano: bigint;
  readonly distanceE18: bigint;
  readonly shareE18: bigint;
  readonly manifestSha256: string;
}

export interface MissedAssignment {
  readonly assignmentId: string;
  readonly validator: string;
  readonly stakeUnits: bigint;
  readonly status: 'failed' | 'expired';
  readonly rule: string;
}

export type EvaluationOpened = DomainEvent<
  'skein.validation.evaluation.opened.v1',
  EvaluationTerms & {
    readonly beacon: BeaconValue;
    /** SHA-256 of the canonical JSON of the candidates with their weights, so that the draw can be checked. */
    readonly candidatesSha256: string;
    /** Sorted by wallet. */
    readonly assignments: readonly DrawnValidator[];
    readonly atMs: number;
  }
>;
export type AssignmentAccepted = DomainEvent<'skein.validation.assignment.accepted.v1', OfAssignment>;
export type ScoreSealed = DomainEvent<'skein.validation.score.sealed.v1', OfAssignment & { readonly seal: string }>;
export type SealingClosed = DomainEvent<'skein.validation.sealing.closed.v1', { readonly evaluationId: string; readonly cause: 'all-sealed' | 'due'; readonly atMs: number }>;
export type ScoreRevealed = DomainEvent<
  'skein.validation.score.revealed.v1',
  OfAssignment & { readonly scoreNano: bigint; readonly salt: string; readonly manifest: Manifest; readonly manifestSha256: string }
>;
export type AssignmentFailed = DomainEvent<'skein.validation.assignment.failed.v1', OfAssignment & { readonly rule: string }>;
export type AssignmentExpired = DomainEvent<'skein.validation.assignment.expired.v1', OfAssignment & { readonly rule: 'not-sealed' | 'not-revealed' }>;
export type VerdictAgreed = DomainEvent<
  'skein.validation.verdict.agreed.v1',
  OfVerdict & {
    readonly consensus: 'median' | 'mean';
    readonly agreedNano: bigint;
    readonly madNano: bigint;
    readonly toleranceNano: bigint;
    readonly scores: readonly CountedScore[];
  }
>;
export type VerdictFailed = DomainEvent<'skein.validation.verdict.failed.v1', OfVerdict & { readonly rule: string; readonly modelAtFault: boolean }>;

export type EvaluationEvent =
  | EvaluationOpened
  | AssignmentAccepted
  | ScoreSealed
  | SealingClosed
  | ScoreRevealed
  | AssignmentFailed
  | AssignmentExpired
  | VerdictAgreed
  | VerdictFailed;
