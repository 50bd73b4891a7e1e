import type { StakeBlock, StakePosition } from '../domain/task/participants.policy.js';

/** Stakes in a task, and the newest final block that the copy they come from had heard of at that moment. */
export interface CopiedStakes {
  readonly positions: readonly StakePosition[];
  readonly stakeBlock?: StakeBlock;
}

/** The local copy of finalised stakes. */
export interface StakeReader {
  stakesOf(taskId: string): Promise<CopiedStakes>;
}

export const STAKES = Symbol('STAKES');

/** Ids of tasks in training, from the read model. */
export interface ActiveTasks {
  inTraining(): Promise<string[]>;
}

export const ACTIVE_TASKS = Symbol('ACTIVE_TASKS');
