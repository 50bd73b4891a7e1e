import type { StakeBlock } from '../domain/index.js';

/** Token of the `StakePort`. */
export const STAKES = Symbol('STAKES');
/** Token of the `UpdateReadLog`. */
export const UPDATE_READS = Symbol('UPDATE_READS');

/** Stakes and as of what they are final, read in one snapshot. */
export interface CopiedStakes {
  /** By wallet, in base units of gmFLOCK; absent wallets have 0. */
  readonly stakes: Readonly<Record<string, bigint>>;
  /** Those of the cases asked for whose slash the stakes have. */
  readonly finalCases: readonly string[];
  /** The newest final block that the copy had heard of. */
  readonly stakeBlock?: StakeBlock;
}

/** Finalised stakes on federated tasks from this service's own copy. */
export interface StakePort {
  /** Stakes of the wallets as participants of the task. */
  stakesOf(taskId: string, wallets: readonly string[], caseIds: readonly string[]): Promise<CopiedStakes>;
}

/** One read of a raw update. */
export interface UpdateRead {
  readonly taskId: string;
  readonly round: number;
  readonly sha256: string;
  readonly reader: string;
}

/** Insert-only record of who read raw updates. */
export interface UpdateReadLog {
  record(read: UpdateRead): Promise<void>;
  list(taskId: string): Promise<readonly (UpdateRead & { readonly readAtMs: number })[]>;
}

/** How this service is named as owner and reader of artifacts. */
export const SELF = 'service:fl-aggregator';
