/** What a decision grants: base units of FLOCK, at once (`taskId` empty) or vesting as a task's final reward; times in seconds. */
export interface DecidedGrant {
  /** Lower-case address: a wallet's, or its delegation pool's. */
  readonly account: string;
  readonly taskId: string;
  readonly units: bigint;
  readonly start: bigint;
  readonly duration: bigint;
}

/** One decision about rewards has been added up, or a part of a long one; `number` counts them from 1. */
export interface GrantsDecided {
  readonly type: 'skein.staking.grants.decided.v1';
  readonly data: { readonly number: number; readonly cause: string; readonly grants: readonly DecidedGrant[] };
}

/** The root of a reward epoch: over everything granted by the first `decisions` decisions. */
export interface RootDecided {
  readonly type: 'skein.staking.root.decided.v1';
  readonly data: { readonly epoch: bigint; readonly root: string; readonly sum: bigint; readonly decisions: number };
}

export type GrantsEvent = GrantsDecided | RootDecided;

/** One stream per chain: a root's sum is the sum of all of it. */
export const grantsStreamId = (chainId: number): string => `grants-${chainId}`;
