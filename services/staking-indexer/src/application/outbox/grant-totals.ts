import { rewardsTree, streamOfTask, taskKey, AT_ONCE, type Grant, type RewardsDomain, type RewardsTree } from '@skein/contracts-evm';
import type { Address } from 'viem';

/** What an account was granted in one stream, ever; `taskId` is empty for what is paid at once. Times in seconds. */
export interface GrantTotal {
  readonly account: string;
  readonly taskId: string;
  readonly total: bigint;
  readonly start: bigint;
  readonly duration: bigint;
}

export interface KnownRoot {
  readonly epoch: bigint;
  readonly root: string;
  readonly sum: bigint;
  readonly decisions: number;
}

/** What was granted, as the read model has it. */
export interface GrantTotals {
  /** The last decision that the read model has seen. */
  decisions(): Promise<number>;
  /** By account and task, over the first so many decisions. */
  totals(decisions: number): Promise<GrantTotal[]>;
  newestRoot(): Promise<KnownRoot | undefined>;
}

/** A total as the contract's leaf has it. */
export const grantOf = ({ account, taskId, total, start, duration }: GrantTotal): Grant => ({
  account: account as Address,
  stream: taskId === '' ? AT_ONCE : streamOfTask(taskKey(taskId)),
  total,
  start,
  duration,
});

/** The tree over totals: the same in every process. */
export const treeOf = (domain: RewardsDomain, totals: readonly GrantTotal[]): RewardsTree => rewardsTree(domain, totals.map(grantOf));
