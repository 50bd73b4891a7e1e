/** Scale of a pool's principal index. */
const SCALE = 10n ** 27n;
/** What was asked for in an epoch counts, where the pool is not funded for it, from so many epochs later on. */
const COUNTS_AFTER_EPOCHS = 3;

/** Shares asked for in one reward epoch of the chain that do not count yet. */
export interface WaitingShares {
  readonly epoch: number;
  readonly sharesIn: bigint;
  readonly sharesOut: bigint;
}

/** A pool as far as it weighs. The index is scaled by 1e27: gmFLOCK per share. */
export interface PoolWeight {
  readonly countedShares: bigint;
  readonly principalIndex: bigint;
  readonly waiting: readonly WaitingShares[];
}

/** Reward epochs as the contracts count them. */
export interface Epochs {
  readonly genesisMs: number;
  readonly epochMs: number;
}

/** The epoch that runs at a block's time; 0 also before the first. */
export const epochAt = ({ genesisMs, epochMs }: Epochs, timeMs: number): number => (timeMs < genesisMs ? 0 : Math.floor((timeMs - genesisMs) / epochMs));

/** gmFLOCK of a pool that counts while `epoch` runs, as `DelegationPool.countedPrincipal`. */
export function countedPrincipal({ countedShares, principalIndex, waiting }: PoolWeight, epoch: number): bigint {
  const byTime = waiting.filter((one) => one.epoch + COUNTS_AFTER_EPOCHS <= epoch);
  const shares = byTime.reduce((sum, { sharesIn, sharesOut }) => sum + sharesIn - sharesOut, countedShares);
  return (shares * principalIndex) / SCALE;
}

/** What a wallet's pool lends to one of its stakes: by own stake over all its tasks, floored, so that no unit counts twice. The cap is applied where it counts. */
export const lentStake = (ownUnits: bigint, ownTotalUnits: bigint, principalUnits: bigint): bigint =>
  ownTotalUnits === 0n ? 0n : (principalUnits * ownUnits) / ownTotalUnits;
