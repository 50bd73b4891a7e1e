import type { Dataset } from '@skein/models';
import type { EvaluationTerms, Manifest } from '../domain/evaluation/evaluation.events.js';

/** Who acts when validation does something by itself. */
export const SELF = 'service:validation';

/** The arena's files: models that nobody else may see yet, and hidden rows. Read by grant, kept in memory only. */
export interface EvaluationFiles {
  /** Model and hidden set of an evaluation, for managed validators and replays. Hashes are checked. */
  read(terms: EvaluationTerms): Promise<{ readonly model: Uint8Array; readonly dataset: Dataset }>;
  /** Lets an external validator read both until its assignment is due. */
  grantTo(terms: EvaluationTerms, validator: string): Promise<void>;
}
export const EVALUATION_FILES = Symbol('EVALUATION_FILES');

/** A managed validator's score between sealing and revealing: nowhere else in clear. */
export interface SecretScore {
  readonly assignmentId: string;
  readonly scoreNano: bigint;
  readonly salt: string;
  readonly manifest: Manifest;
  readonly manifestSha256: string;
}

export interface SecretScores {
  find(assignmentId: string): Promise<SecretScore | undefined>;
  /** Keeps the first one given: a job that runs twice seals the same score. Returns what is kept. */
  keep(score: SecretScore): Promise<SecretScore>;
}
export const SECRET_SCORES = Symbol('SECRET_SCORES');

/** Who owns which wallets. */
export interface Parties {
  /** Party of each wallet; a wallet that nobody has claimed is its own party. */
  partiesOf(wallets: readonly string[]): Promise<ReadonlyMap<string, string>>;
}
export const PARTIES = Symbol('PARTIES');

/** Local copy of what the arena has said about tasks: scores of finished ones are public. */
export interface FinishedTasks {
  isFinished(task: string): Promise<boolean>;
}
export const FINISHED_TASKS = Symbol('FINISHED_TASKS');

/** `Runner` of libs/runner. */
export const RUNNER = Symbol('RUNNER');
