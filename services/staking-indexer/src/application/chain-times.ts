/** Reward epochs as the contracts count them. */
export interface EpochClock {
  readonly genesisMs: number;
  readonly epochMs: number;
}

/** What the chain says about time. Neither answer ever changes for a final block; undefined where the chain cannot be asked now. */
export interface ChainTimes {
  clock(): Promise<EpochClock | undefined>;
  /** A final block's own time. */
  timeOf(blockNumber: number): Promise<number | undefined>;
}

/** The epoch that runs at a time; 0 also before the first. */
export const epochAt = ({ genesisMs, epochMs }: EpochClock, timeMs: number): number =>
  timeMs < genesisMs ? 0 : Math.floor((timeMs - genesisMs) / epochMs);
