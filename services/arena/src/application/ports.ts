import type { StakePosition } from '../domain/task/participants.policy.js';

/** The local copy of finalised stakes. */
export interface StakeReader {
  positionsOf(taskId: string): Promise<StakePosition[]>;
}

export const STAKES = Symbol('STAKES');

/** Ids of tasks in training, from the read model. */
export interface ActiveTasks {
  inTraining(): Promise<string[]>;
}

export const ACTIVE_TASKS = Symbol('ACTIVE_TASKS');
