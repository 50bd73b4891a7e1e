import type { BeaconValue, EvaluationTerms, Manifest } from './evaluation.events.js';
import type { Candidate } from './draw.policy.js';

interface ByValidator {
  readonly assignmentId: string;
  /** Whose assignment it must be; another wallet's does not exist for the caller. */
  readonly validator: string;
  readonly nowMs: number;
}

export interface OpenEvaluation {
  readonly kind: 'open';
  readonly terms: EvaluationTerms;
  readonly beacon: BeaconValue;
  /** The task's validators. */
  readonly candidates: readonly Candidate[];
  /** Parties that may not judge: the owner's and its delegators'. */
  readonly excludedParties: ReadonlySet<string>;
  readonly validatorsPerSubmission: number;
  /** Wallets whose assignments Skein does itself. */
  readonly managed: ReadonlySet<string>;
  readonly nowMs: number;
}
export type AcceptAssignment = ByValidator & { readonly kind: 'accept' };
export type SealScore = ByValidator & { readonly kind: 'seal'; readonly seal: string };
export type RevealScore = ByValidator & { readonly kind: 'reveal'; readonly scoreNano: bigint; readonly salt: string; readonly manifest: Manifest; readonly manifestSha256: string };
export type FailAssignment = ByValidator & { readonly kind: 'fail'; readonly rule: string };

/** A deadline has passed. */
export interface ExpireDue {
  readonly kind: 'expire';
  readonly nowMs: number;
}

export type EvaluationCommand = OpenEvaluation | AcceptAssignment | SealScore | RevealScore | FailAssignment | ExpireDue;
