import type { DomainEvent } from '@skein/kernel';
import type { Participant, StakeBlock } from './participants.policy.js';
import type { TaskPolicy } from './task.policy.js';

/** A submission that ranks until a later valid one of its owner takes its place. */
export interface Entry {
  readonly submissionId: string;
  readonly owner: string;
  readonly artifactSha256: string;
  /** Place in the task's commit order. */
  readonly order: number;
  readonly boardScoreNano?: bigint;
}

/** Commits that the platform owes a wallet in the next epoch because it spoiled them. */
export interface QuotaCredit {
  readonly wallet: string;
  readonly count: number;
}

export interface FinalStanding {
  readonly rank: number;
  readonly owner: string;
  readonly submissionId: string;
  readonly artifactSha256: string;
  readonly scoreNano: bigint;
}

export interface LockedReward {
  readonly wallet: string;
  readonly rank: number;
  readonly lockedUnits: bigint;
  readonly poolLockedUnits: bigint;
}

export interface WinnerValidator {
  readonly wallet: string;
  readonly share: bigint;
}

export type TaskProposed = DomainEvent<
  'skein.arena.task.proposed.v1',
  { taskId: string; requestId: string; creator: string; policy: TaskPolicy; proposedAtMs: number }
>;
export type TaskApproved = DomainEvent<
  'skein.arena.task.approved.v1',
  {
    taskId: string;
    creator: string;
    policyVersion: number;
    /** Frozen from here on. */
    policy: TaskPolicy;
    approvedAtMs: number;
    stakingDueAtMs: number;
    latestEndMs: number;
  }
>;
export type TrainingStarted = DomainEvent<
  'skein.arena.task.training-started.v1',
  {
    taskId: string;
    reason: 'expected-reached' | 'operator' | 'deadline';
    participants: readonly Participant[];
    /** Final block that the stakes are as of; absent in events from before it was recorded, and where no final block was known. */
    stakeBlock?: StakeBlock;
    epochs: number;
    startedAtMs: number;
    firstEpochAtMs: number;
  }
>;
export type EpochRecorded = DomainEvent<
  'skein.arena.task.epoch-recorded.v1',
  {
    taskId: string;
    epoch: number;
    lockedUnits: bigint;
    carriedOutUnits: bigint;
    /** Stakes at the epoch's end, which weigh in the division of the locked pool. */
    stakes: readonly Participant[];
    entries: readonly Entry[];
    commits: number;
    quotaCredits: readonly QuotaCredit[];
    /** 0 when this was the last epoch. */
    nextEpoch: number;
    /** When the next epoch opens: at once with early close, else when its day begins. */
    nextEpochAtMs: number;
  }
>;
export type FinalValidationStarted = DomainEvent<'skein.arena.task.final-validation-started.v1', { taskId: string; startedAtMs: number }>;
export type ChallengeStarted = DomainEvent<
  'skein.arena.task.challenge-started.v1',
  {
    taskId: string;
    ranking: readonly FinalStanding[];
    rewards: readonly LockedReward[];
    lockedUnits: bigint;
    carriedUnits: bigint;
    winnerValidators: readonly WinnerValidator[];
    startedAtMs: number;
    challengeDueAtMs: number;
  }
>;
export type TaskFinished = DomainEvent<
  'skein.arena.task.finished.v1',
  {
    taskId: string;
    creator: string;
    policy: TaskPolicy;
    ranking: readonly FinalStanding[];
    winnerValidators: readonly WinnerValidator[];
    rewards: readonly LockedReward[];
    finishedAtMs: number;
    vestingStartMs: number;
    vestingDurationMs: number;
  }
>;
export type TaskCancelled = DomainEvent<
  'skein.arena.task.cancelled.v1',
  { taskId: string; by: string; reason: string; cancelledAtMs: number; carriedUnits: bigint; epoch: number }
>;

export type TaskEvent =
  | TaskProposed
  | TaskApproved
  | TrainingStarted
  | EpochRecorded
  | FinalValidationStarted
  | ChallengeStarted
  | TaskFinished
  | TaskCancelled;
