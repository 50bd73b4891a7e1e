import { type Decider, type DomainEvent, ok } from '@skein/kernel';
import { yuma } from './yuma.policy.js';

/** One validator's score of one submission, as the cross-check sees it. */
export interface ScoredBy {
  readonly validator: string;
  readonly stakeUnits: bigint;
  readonly scoreNano: bigint;
}

export type ScoringOpened = DomainEvent<
  'skein.validation.scoring.opened.v1',
  { readonly scoringId: string; readonly task: string; readonly round: number; readonly purpose: 'epoch' | 'final'; readonly submissions: readonly string[]; readonly deadlineMs: number; readonly atMs: number }
>;
export type VerdictNoted = DomainEvent<'skein.validation.scoring.verdict-noted.v1', { readonly scoringId: string; readonly submission: string; readonly scores: readonly ScoredBy[]; readonly atMs: number }>;
/** All submissions have their verdicts. Numbers are doubles as decimal texts; lists of submissions in commit order, validators by wallet. */
export type ScoringCompleted = DomainEvent<
  'skein.validation.scoring.completed.v1',
  {
    readonly scoringId: string;
    readonly submissions: readonly string[];
    readonly consensus: readonly string[];
    readonly incentive: readonly string[];
    readonly validators: readonly string[];
    readonly validatorTrust: readonly string[];
    readonly atMs: number;
  }
>;
export type ScoringEvent = ScoringOpened | VerdictNoted | ScoringCompleted;

export type ScoringCommand =
  | ({ readonly kind: 'open'; readonly nowMs: number } & Omit<ScoringOpened['data'], 'atMs'>)
  | { readonly kind: 'note'; readonly submission: string; readonly scores: readonly ScoredBy[]; readonly nowMs: number };

export interface ScoringState {
  readonly scoringId: string;
  /** In commit order. */
  readonly submissions: readonly string[];
  readonly noted: ReadonlyMap<string, readonly ScoredBy[]>;
}

/** One scoring of a task's round as a whole: counts its verdicts and records the Yuma cross-check. Stream `scoring-<id>`. */
export const scoringDecider: Decider<ScoringState, ScoringCommand, ScoringEvent> = {
  initialState: () => ({ scoringId: '', submissions: [], noted: new Map() }),
  evolve(state, event) {
    switch (event.type) {
      case 'skein.validation.scoring.opened.v1':
        return { scoringId: event.data.scoringId, submissions: event.data.submissions, noted: new Map() };
      case 'skein.validation.scoring.verdict-noted.v1':
        return { ...state, noted: new Map(state.noted).set(event.data.submission, event.data.scores) };
      default:
        return state;
    }
  },
  decide(command, state) {
    if (command.kind === 'open') {
      const { kind: _, nowMs, ...data } = command;
      return ok(state.scoringId === '' ? [{ type: 'skein.validation.scoring.opened.v1', data: { ...data, atMs: nowMs } }] : []);
    }
    const { submission, scores, nowMs } = command;
    if (!state.submissions.includes(submission) || state.noted.has(submission)) return ok([]);
    const noted: VerdictNoted = { type: 'skein.validation.scoring.verdict-noted.v1', data: { scoringId: state.scoringId, submission, scores, atMs: nowMs } };
    const after = scoringDecider.evolve(state, noted);
    return ok(after.noted.size === state.submissions.length ? [noted, completed(after, nowMs)] : [noted]);
  },
};

function completed({ scoringId, submissions, noted }: ScoringState, atMs: number): ScoringCompleted {
  const stakes = new Map<string, bigint>();
  for (const scores of noted.values()) for (const { validator, stakeUnits } of scores) stakes.set(validator, stakeUnits);
  const validators = [...stakes.keys()].sort();
  const stakeSum = [...stakes.values()].reduce((sum, stake) => sum + stake, 0n);
  const table = validators.map((validator) => submissions.map((submission) => Number(noted.get(submission)?.find((score) => score.validator === validator)?.scoreNano ?? 0n) / 1e9));
  const check = yuma(
    validators.map((validator) => Number(stakes.get(validator)!) / Number(stakeSum)),
    table,
  );
  const texts = (values: readonly number[]): string[] => values.map(String);
  return {
    type: 'skein.validation.scoring.completed.v1',
    data: { scoringId, submissions, consensus: texts(check.consensus), incentive: texts(check.incentive), validators, validatorTrust: texts(check.validatorTrust), atMs },
  };
}
