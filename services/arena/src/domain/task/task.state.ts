import type { Entry, FinalStanding, LockedReward, QuotaCredit, TaskEvent, WinnerValidator } from './task.events.js';
import { countedDelegation } from '../reward/staker.policy.js';
import type { Participant } from './participants.policy.js';
import type { TaskPolicy } from './task.policy.js';

export type TaskStatus = 'draft' | 'open' | 'training' | 'final-validation' | 'challenge' | 'finished' | 'cancelled';

/**
 * Stakes of the epochs that have ended. `sums` adds each wallet's own stake and its delegated stake as far as it counted
 * at the end of each epoch, so that the counted stake of a sum is the sum of the counted stakes. `last` is the last
 * epoch's stakes as they stood.
 */
export interface StakeHistory {
  readonly sums: Readonly<Record<string, Participant>>;
  readonly last: readonly Participant[];
}

export interface TaskState {
  readonly status: TaskStatus | 'none';
  readonly taskId: string;
  readonly requestId: string;
  readonly creator: string;
  readonly policy: TaskPolicy | undefined;
  readonly policyVersion: number;
  readonly stakingDueAtMs: number;
  /** The epoch that runs; 0 before training. */
  readonly epoch: number;
  /** When the first epoch opens. */
  readonly firstEpochAtMs: number;
  readonly lockedUnits: bigint;
  readonly carriedUnits: bigint;
  readonly stakes: StakeHistory;
  readonly entries: readonly Entry[];
  readonly commits: number;
  readonly quotaCredits: readonly QuotaCredit[];
  readonly ranking: readonly FinalStanding[];
  readonly rewards: readonly LockedReward[];
  readonly winnerValidators: readonly WinnerValidator[];
  readonly challengeDueAtMs: number;
}

export const initialTask: TaskState = {
  status: 'none',
  taskId: '',
  requestId: '',
  creator: '',
  policy: undefined,
  policyVersion: 0,
  stakingDueAtMs: 0,
  epoch: 0,
  firstEpochAtMs: 0,
  lockedUnits: 0n,
  carriedUnits: 0n,
  stakes: { sums: {}, last: [] },
  entries: [],
  commits: 0,
  quotaCredits: [],
  ranking: [],
  rewards: [],
  winnerValidators: [],
  challengeDueAtMs: 0,
};

// The cap on delegation is not linear: capped after adding, delegation above the cap of a poor epoch would count through
// the own stake of a rich one.
function addStakes(history: StakeHistory, stakes: readonly Participant[]): StakeHistory {
  const sums = { ...history.sums };
  for (const stake of stakes) {
    const before = sums[stake.wallet] ?? { ownUnits: 0n, delegatedUnits: 0n };
    sums[stake.wallet] = { ...stake, ownUnits: before.ownUnits + stake.ownUnits, delegatedUnits: before.delegatedUnits + countedDelegation(stake) };
  }
  return { sums, last: stakes };
}

export function evolveTask(state: TaskState, event: TaskEvent): TaskState {
  switch (event.type) {
    case 'skein.arena.task.proposed.v1': {
      const { taskId, requestId, creator, policy } = event.data;
      return { ...state, status: 'draft', taskId, requestId, creator, policy };
    }
    case 'skein.arena.task.approved.v1':
      return { ...state, status: 'open', policyVersion: event.data.policyVersion, stakingDueAtMs: event.data.stakingDueAtMs };
    case 'skein.arena.task.training-started.v1':
      return { ...state, status: 'training', epoch: 1, firstEpochAtMs: event.data.firstEpochAtMs };
    case 'skein.arena.task.epoch-recorded.v1': {
      const { lockedUnits, carriedOutUnits, stakes, entries, commits, quotaCredits, nextEpoch } = event.data;
      return {
        ...state,
        epoch: nextEpoch || state.epoch,
        lockedUnits: state.lockedUnits + lockedUnits,
        carriedUnits: carriedOutUnits,
        stakes: addStakes(state.stakes, stakes),
        entries,
        commits: state.commits + commits,
        quotaCredits,
      };
    }
    case 'skein.arena.task.final-validation-started.v1':
      return { ...state, status: 'final-validation' };
    case 'skein.arena.task.challenge-started.v1': {
      const { ranking, rewards, winnerValidators, challengeDueAtMs } = event.data;
      return { ...state, status: 'challenge', ranking, rewards, winnerValidators, challengeDueAtMs };
    }
    case 'skein.arena.task.finished.v1':
      return { ...state, status: 'finished' };
    case 'skein.arena.task.cancelled.v1':
      return { ...state, status: 'cancelled' };
  }
}
