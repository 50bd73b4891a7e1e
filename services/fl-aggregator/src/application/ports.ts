/** Token of the `StakePort`. */
export const STAKES = Symbol('STAKES');
/** Token of the `UpdateReadLog`. */
export const UPDATE_READS = Symbol('UPDATE_READS');

/** Finalised stakes on federated tasks, in base units of gmFLOCK, from this service's own copy. */
export interface StakePort {
  /** Stakes of the wallets as participants of the task; absent wallets have 0. */
  stakesOf(taskId: string, wallets: readonly string[]): Promise<Record<string, bigint>>;
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
