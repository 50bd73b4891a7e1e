import type { ClientUpdate, Vector } from '../vectors.js';

/** Parameters of a rule, numbers only (a flag is 0 or 1), as they stand in a task's manifest. */
export type RuleParameters = Readonly<Record<string, number>>;

/** What a server rule remembers between rounds: first and second moment (or momentum in `m`, control variate in `c`) and rounds done. */
export interface ServerState {
  readonly round: number;
  readonly m?: Float64Array;
  readonly v?: Float64Array;
  readonly c?: Float64Array;
}

/** What a rule gets: the updates are already sorted, checked and of the global's length; parameters have their defaults. */
export interface RuleInput {
  readonly global: Vector;
  readonly updates: readonly ClientUpdate[];
  readonly parameters: RuleParameters;
  readonly state?: ServerState;
  /** FLTrust: the weights trained on the server's own root rows; not itself a participant. */
  readonly root?: Vector;
  /** SCAFFOLD: c_i⁺ − c_i of every update, in the updates' order. */
  readonly controlDeltas?: readonly Vector[];
}

/** The next global weights, what to remember, and which nodes a selecting rule kept. */
export interface RuleOutput {
  readonly weights: Float64Array;
  readonly state?: ServerState;
  readonly selected?: readonly string[];
}

/** A rule of aggregation: pure, deterministic, sums in index order. */
export type Rule = (input: RuleInput) => RuleOutput;
