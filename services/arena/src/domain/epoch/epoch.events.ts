import type { DomainEvent } from '@skein/kernel';
import type { EpochReward } from '../reward/epoch-reward.policy.js';
import type { Participant, StakeBlock } from '../task/participants.policy.js';
import type { Entry, QuotaCredit } from '../task/task.events.js';
import type { TaskPolicy } from '../task/task.policy.js';

/** One submission that is to be scored. */
export interface ScoringSubmission {
  readonly submissionId: string;
  readonly owner: string;
  readonly artifactSha256: string;
  /** Place in the task's commit order. */
  readonly order: number;
}

/** A validator's part of one submission, as fixed point with 18 decimals: F, F without its own delegation, and its stake's part. */
export interface ValidatorShare {
  readonly wallet: string;
  readonly share: bigint;
  readonly shareAlone: bigint;
  readonly stakeShare: bigint;
}

export interface EpochStanding {
  readonly rank: number;
  readonly owner: string;
  readonly submissionId: string;
  readonly scoreNano: bigint;
  readonly boardScoreNano: bigint;
}

export interface ValidatorTotal {
  readonly wallet: string;
  readonly share: bigint;
  readonly stakeShare: bigint;
  readonly counted: number;
}

export type EpochOpened = DomainEvent<
  'skein.arena.epoch.opened.v1',
  {
    taskId: string;
    taskRequestId: string;
    epoch: number;
    policyVersion: number;
    policy: TaskPolicy;
    participants: readonly Participant[];
    /** Final block that the participants' stakes are as of; absent where none was recorded. */
    stakeBlock?: StakeBlock;
    rewardEpoch: number;
    mintedUnits: bigint;
    carriedInUnits: bigint;
    /** Submissions that rank from earlier epochs. */
    entries: readonly Entry[];
    /** Commits of the task before this epoch. */
    orderBase: number;
    quotaCredits: readonly QuotaCredit[];
    openedAtMs: number;
    commitDueAtMs: number;
  }
>;
export type SubmissionCommitted = DomainEvent<
  'skein.arena.submission.committed.v1',
  { taskId: string; epoch: number; submissionId: string; owner: string; commit: string; order: number; committedAtMs: number }
>;
export type NodeDone = DomainEvent<'skein.arena.epoch.node-done.v1', { taskId: string; epoch: number; wallet: string }>;
export type CommitsClosed = DomainEvent<
  'skein.arena.epoch.commits-closed.v1',
  { taskId: string; epoch: number; reason: 'all-acted' | 'deadline'; revealDueAtMs: number }
>;
export type SubmissionRevealed = DomainEvent<
  'skein.arena.submission.revealed.v1',
  { taskId: string; epoch: number; submissionId: string; owner: string; artifactSha256: string; revealedAtMs: number }
>;
export type SubmissionAdmitted = DomainEvent<
  'skein.arena.submission.admitted.v1',
  { taskId: string; epoch: number; submissionId: string; owner: string; parameters: number; opset: number }
>;
export type SubmissionRejected = DomainEvent<
  'skein.arena.submission.rejected.v1',
  {
    taskId: string;
    epoch: number;
    submissionId: string;
    owner: string;
    rule: string;
    message: string;
    /** The platform, not the trainer, spoiled it: the quota comes back in the next epoch. */
    platformFault: boolean;
  }
>;
/** The platform was away when the window should have closed: it runs once more. */
export type WindowExtended = DomainEvent<'skein.arena.epoch.window-extended.v1', { taskId: string; epoch: number; window: 'commit' | 'reveal'; dueAtMs: number }>;
export type RevealsClosed = DomainEvent<'skein.arena.epoch.reveals-closed.v1', { taskId: string; epoch: number; reason: 'all-acted' | 'deadline' }>;
export type SubmissionSuperseded = DomainEvent<
  'skein.arena.submission.superseded.v1',
  { taskId: string; epoch: number; submissionId: string; owner: string; by: string }
>;
export type ScoringRequested = DomainEvent<
  'skein.arena.epoch.scoring-requested.v1',
  {
    taskId: string;
    epoch: number;
    scoringId: string;
    dataSetSha256: string;
    dataSetRows: number;
    submissions: readonly ScoringSubmission[];
    requestedAtMs: number;
    deadlineMs: number;
    policy: TaskPolicy;
    taskRequestId: string;
    participants: readonly Participant[];
    stakeBlock?: StakeBlock;
  }
>;
export type SubmissionScored = DomainEvent<
  'skein.arena.submission.scored.v1',
  {
    taskId: string;
    epoch: number;
    submissionId: string;
    owner: string;
    /** `uncounted`: too few validators; the submission stays valid but does not rank in this epoch. */
    outcome: 'counted' | 'uncounted';
    scoreNano: bigint;
    boardScoreNano: bigint;
    shares: readonly ValidatorShare[];
  }
>;
export type EpochClosed = DomainEvent<
  'skein.arena.epoch.closed.v1',
  {
    taskId: string;
    epoch: number;
    rewardEpoch: number;
    mintedUnits: bigint;
    carriedInUnits: bigint;
    nodesUnits: bigint;
    validatorsUnits: bigint;
    paidUnits: bigint;
    lockedUnits: bigint;
    carriedOutUnits: bigint;
    rewards: readonly EpochReward[];
    standings: readonly EpochStanding[];
    validators: readonly ValidatorTotal[];
    stakes: readonly Participant[];
    /** Final block that `stakes`, by which the rewards are divided, are as of. */
    stakeBlock?: StakeBlock;
    entries: readonly Entry[];
    commits: number;
    quotaCredits: readonly QuotaCredit[];
    closedAtMs: number;
  }
>;
export type EpochCancelled = DomainEvent<'skein.arena.epoch.cancelled.v1', { taskId: string; epoch: number }>;

export type EpochEvent =
  | EpochOpened
  | SubmissionCommitted
  | NodeDone
  | CommitsClosed
  | SubmissionRevealed
  | SubmissionAdmitted
  | SubmissionRejected
  | WindowExtended
  | RevealsClosed
  | SubmissionSuperseded
  | ScoringRequested
  | SubmissionScored
  | EpochClosed
  | EpochCancelled;
