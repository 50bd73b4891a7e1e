import type { EpochEvent, EpochOpened, ScoringSubmission, SubmissionScored } from './epoch.events.js';

export type EpochPhase = 'none' | 'committing' | 'revealing' | 'scoring' | 'closed' | 'cancelled';

/** Words of a submission's life inside its epoch. */
export type SubmissionStatus = 'committed' | 'revealed' | 'admitted' | 'rejected' | 'superseded';

export interface Submission {
  readonly submissionId: string;
  readonly owner: string;
  readonly commit: string;
  /** Place in the epoch's commit order, from 1. */
  readonly order: number;
  readonly status: SubmissionStatus;
  readonly artifactSha256: string;
  readonly platformFault: boolean;
}

export interface EpochState {
  readonly phase: EpochPhase;
  readonly opened: EpochOpened['data'] | undefined;
  readonly submissions: readonly Submission[];
  readonly done: ReadonlySet<string>;
  readonly commitDueAtMs: number;
  readonly revealDueAtMs: number;
  /** The reveal window is over; admissions may still be under way. */
  readonly revealsClosed: boolean;
  readonly requested: readonly ScoringSubmission[];
  readonly scored: Readonly<Record<string, SubmissionScored['data']>>;
  /** Requested submissions whose model failed in the evaluation. */
  readonly failed: ReadonlySet<string>;
}

export const initialEpoch: EpochState = {
  phase: 'none',
  opened: undefined,
  submissions: [],
  done: new Set(),
  commitDueAtMs: 0,
  revealDueAtMs: 0,
  revealsClosed: false,
  requested: [],
  scored: {},
  failed: new Set(),
};

const change = (state: EpochState, submissionId: string, fields: Partial<Submission>): EpochState => ({
  ...state,
  submissions: state.submissions.map((one) => (one.submissionId === submissionId ? { ...one, ...fields } : one)),
});

export function evolveEpoch(state: EpochState, event: EpochEvent): EpochState {
  switch (event.type) {
    case 'skein.arena.epoch.opened.v1':
      return { ...state, phase: 'committing', opened: event.data, commitDueAtMs: event.data.commitDueAtMs };
    case 'skein.arena.submission.committed.v1': {
      const { submissionId, owner, commit, order } = event.data;
      const submission: Submission = { submissionId, owner, commit, order, status: 'committed', artifactSha256: '', platformFault: false };
      return { ...state, submissions: [...state.submissions, submission] };
    }
    case 'skein.arena.epoch.node-done.v1':
      return { ...state, done: new Set([...state.done, event.data.wallet]) };
    case 'skein.arena.epoch.commits-closed.v1':
      return { ...state, phase: 'revealing', revealDueAtMs: event.data.revealDueAtMs };
    case 'skein.arena.submission.revealed.v1':
      return change(state, event.data.submissionId, { status: 'revealed', artifactSha256: event.data.artifactSha256 });
    case 'skein.arena.submission.admitted.v1':
      return change(state, event.data.submissionId, { status: 'admitted' });
    case 'skein.arena.submission.rejected.v1': {
      const { submissionId, platformFault } = event.data;
      const isRequested = state.requested.some((one) => one.submissionId === submissionId);
      const failed = isRequested ? new Set([...state.failed, submissionId]) : state.failed;
      return { ...change(state, submissionId, { status: 'rejected', platformFault }), failed };
    }
    case 'skein.arena.epoch.window-extended.v1':
      return event.data.window === 'commit' ? { ...state, commitDueAtMs: event.data.dueAtMs } : { ...state, revealDueAtMs: event.data.dueAtMs };
    case 'skein.arena.epoch.reveals-closed.v1':
      return { ...state, revealsClosed: true };
    case 'skein.arena.submission.superseded.v1':
      return change(state, event.data.submissionId, { status: 'superseded' });
    case 'skein.arena.epoch.scoring-requested.v1':
      return { ...state, phase: 'scoring', requested: event.data.submissions };
    case 'skein.arena.submission.scored.v1':
      return { ...state, scored: { ...state.scored, [event.data.submissionId]: event.data } };
    case 'skein.arena.epoch.closed.v1':
      return { ...state, phase: 'closed' };
    case 'skein.arena.epoch.cancelled.v1':
      return { ...state, phase: 'cancelled' };
  }
}
