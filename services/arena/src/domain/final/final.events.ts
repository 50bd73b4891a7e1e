import type { DomainEvent } from '@skein/kernel';
import type { Participant, StakeBlock } from '../task/participants.policy.js';
import type { FinalStanding, LockedReward, WinnerValidator } from '../task/task.events.js';
import type { TaskPolicy } from '../task/task.policy.js';
import type { StakeHistory } from '../task/task.state.js';
import type { ScoringSubmission, ValidatorShare } from '../epoch/epoch.events.js';

export type FinalRequested = DomainEvent<
  'skein.arena.final.scoring-requested.v1',
  {
    taskId: string;
    round: number;
    scoringId: string;
    dataSetSha256: string;
    dataSetRows: number;
    submissions: readonly ScoringSubmission[];
    participants: readonly Participant[];
    /** Final block that the participants' stakes are as of; absent where none was recorded. */
    stakeBlock?: StakeBlock;
    policy: TaskPolicy;
    taskRequestId: string;
    lockedUnits: bigint;
    stakes: StakeHistory;
    requestedAtMs: number;
    deadlineMs: number;
  }
>;
export type FinalScored = DomainEvent<
  'skein.arena.final.scored.v1',
  { taskId: string; submissionId: string; owner: string; outcome: 'counted' | 'uncounted' | 'failed'; scoreNano: bigint; shares: readonly ValidatorShare[] }
>;
export type FinalConcluded = DomainEvent<
  'skein.arena.final.concluded.v1',
  {
    taskId: string;
    ranking: readonly FinalStanding[];
    rewards: readonly LockedReward[];
    lockedUnits: bigint;
    carriedUnits: bigint;
    winnerValidators: readonly WinnerValidator[];
    concludedAtMs: number;
  }
>;
export type FinalEvent = FinalRequested | FinalScored | FinalConcluded;
