import type { BeaconDraw, DomainEvent } from '@skein/kernel';
import type { Manifest } from './manifest.js';

/** A node with the stake it has in a round. */
export interface StakedNode {
  readonly node: string;
  readonly stake: bigint;
}

/** A phase that has a deadline. */
export type TimedPhase = 'joining' | 'contributing' | 'committing' | 'revealing';

/** Why a node lost stake. */
export type SlashReason = 'late' | 'outlier' | 'voted-down' | 'silent' | 'lone-hash' | 'other-hash' | 'losing-side';

/** One slash of a round. */
export interface Slash {
  readonly node: string;
  readonly units: bigint;
  readonly reason: SlashReason;
}

/** One payment out of the pool: `gm` of its `units` are gmFLOCK, the rest FLOCK. */
export interface Payment {
  readonly node: string;
  readonly units: bigint;
  readonly gm: bigint;
}

/** What a settlement does to the pool: `left` is what the pool holds afterwards, `leftGm` of it gmFLOCK. */
export interface PoolMovement {
  readonly slashes: readonly Slash[];
  readonly callerUnits: bigint;
  readonly caller?: string;
  readonly payments: readonly Payment[];
  readonly left: bigint;
  readonly leftGm: bigint;
}

type Event<Name extends string, Data> = DomainEvent<`skein.federation.${Name}.v1`, Data>;

export type TaskProposed = Event<
  'task.proposed',
  { id: string; creator: string; manifest: Manifest; weightsSha256: string; requestId: string }
>;
/** What public events repeat of the task, so that their readers need no second source. */
export interface TaskFacts {
  readonly creator: string;
  readonly title: string;
  readonly arenaTask: string;
  readonly rounds: number;
}

/** `latestEndMs` and `slashBps` (rounded up) are what the chain is told; 0 where they were not recorded: such a task is not on chain. */
export type TaskApproved = Event<
  'task.approved',
  { pool: bigint; joiningDueAtMs: number; stakeThreshold: bigint; task: TaskFacts; latestEndMs: number; slashBps: number }
>;
/** A final block, by height and hash. */
export interface StakeBlock {
  readonly number: number;
  readonly hash: string;
}

/** `stakeBlock` is what the stake is final as of, less slashes decided here that were not final then; absent where none was recorded. */
export type NodeJoined = Event<'node.joined', { node: string; stake: bigint; stakeBlock?: StakeBlock }>;
/** Without `stakeBlock` a slash of the round alone took the stake below the threshold, or none was recorded. */
export type NodeExcluded = Event<'node.excluded', { node: string; stake: bigint; round: number; stakeBlock?: StakeBlock }>;
export type JoiningClosed = Event<'joining.closed', { round: number; active: number }>;
export type RoundOpened = Event<
  'round.opened',
  {
    round: number;
    beacon: BeaconDraw;
    proposers: readonly StakedNode[];
    voters: readonly StakedNode[];
    /** As in `NodeJoined`. */
    stakeBlock?: StakeBlock;
    modelSha256: string;
    contributingDueAtMs: number;
  }
>;
export type ContributionAccepted = Event<
  'contribution.accepted',
  { round: number; node: string; sha256: string; examples: number; norm: number }
>;
export type ContributingClosed = Event<'contributing.closed', { round: number; late: readonly string[] }>;
export type RoundAggregated = Event<
  'round.aggregated',
  { round: number; sha256: string; scores: Readonly<Record<string, number>>; committingDueAtMs: number }
>;
export type VoteCommitted = Event<'vote.committed', { round: number; node: string; commit: string }>;
export type RevealingOpened = Event<'revealing.opened', { round: number; revealingDueAtMs: number }>;
export type DeadlineExtended = Event<'deadline.extended', { round: number; phase: TimedPhase; dueAtMs: number }>;
export type VoteRevealed = Event<'vote.revealed', { round: number; node: string; score: 1 | -1; sha256: string }>;
export type RoundSettled = Event<
  'round.settled',
  PoolMovement & {
    round: number;
    outcome: 'accepted' | 'rejected' | 'tied' | 'disputed';
    sha256: string;
    sum: bigint;
    reward: bigint;
    modelSha256: string;
  }
>;
export type RewardCarried = Event<'reward.carried', { round: number; units: bigint; reason: 'tied' | 'disputed' | 'void' | 'nobody-good' }>;
export type RoundVoided = Event<
  'round.voided',
  PoolMovement & { round: number; reason: 'too-few-participants' | 'too-few-contributions' | 'no-vote'; rejoinDueAtMs?: number }
>;
/** A final block has the slash: from here on the finalised stake is already less by it. */
export type SlashFinalised = Event<'slash.finalised', { caseId: string; round: number; node: string; units: bigint }>;
export type TaskFinished = Event<'task.finished', { modelSha256: string; rounds: number; left: bigint }>;
export type ModelExported = Event<
  'model.exported',
  {
    sha256: string;
    modelSha256: string;
    contributors: readonly { node: string; examples: number }[];
    left: bigint;
    leftGm: bigint;
    task: TaskFacts;
  }
>;

/** Everything that can happen in a federated task: one stream `federation-<task id>`. */
export type FederationEvent =
  | TaskProposed
  | TaskApproved
  | NodeJoined
  | NodeExcluded
  | JoiningClosed
  | RoundOpened
  | ContributionAccepted
  | ContributingClosed
  | RoundAggregated
  | VoteCommitted
  | RevealingOpened
  | DeadlineExtended
  | VoteRevealed
  | RoundSettled
  | RewardCarried
  | RoundVoided
  | SlashFinalised
  | TaskFinished
  | ModelExported;
