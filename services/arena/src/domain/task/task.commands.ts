import type { EpochRecorded, FinalStanding, LockedReward, WinnerValidator } from './task.events.js';
import type { Participant, StakeBlock } from './participants.policy.js';
import type { TaskPolicy } from './task.policy.js';

export type TaskCommand =
  | { readonly kind: 'propose'; readonly taskId: string; readonly requestId: string; readonly creator: string; readonly policy: TaskPolicy; readonly nowMs: number }
  | { readonly kind: 'approve'; readonly nowMs: number }
  /** Somebody's stake became final, or the staking window may be over. */
  | { readonly kind: 'consider-start'; readonly participants: readonly Participant[]; readonly stakeBlock?: StakeBlock; readonly byOperator: boolean; readonly nowMs: number }
  | ({ readonly kind: 'record-epoch'; readonly nowMs: number } & Omit<EpochRecorded['data'], 'taskId' | 'nextEpoch' | 'nextEpochAtMs'>)
  | {
      readonly kind: 'begin-challenge';
      readonly ranking: readonly FinalStanding[];
      readonly rewards: readonly LockedReward[];
      readonly lockedUnits: bigint;
      readonly carriedUnits: bigint;
      readonly winnerValidators: readonly WinnerValidator[];
      readonly nowMs: number;
    }
  | { readonly kind: 'finish'; readonly nowMs: number }
  | { readonly kind: 'cancel'; readonly by: { readonly kind: 'operator' } | { readonly kind: 'wallet'; readonly wallet: string }; readonly reason: string; readonly nowMs: number };
