const DAY_SECONDS = 86_400n;

/** Longest time that makes a lock weigh once, in seconds. */
export const FLAT_LOCK_SECONDS = 30n * DAY_SECONDS;
/** Time from which on a lock weighs 3.01 times, in seconds. */
export const FULL_LOCK_SECONDS = 365n * DAY_SECONDS;
/** Denominator of multipliers and fees. */
export const BPS = 10_000n;

/** Multiplier of a lock in units of 1/10 000, as `GmExchange.multiplierOf`. */
export function lockMultiplier(lockSeconds: bigint): bigint {
  if (lockSeconds <= FLAT_LOCK_SECONDS) return BPS;
  const counted = lockSeconds < FULL_LOCK_SECONDS ? lockSeconds : FULL_LOCK_SECONDS;
  return (21_900n * (counted - FLAT_LOCK_SECONDS)) / FULL_LOCK_SECONDS + BPS;
}

/** gmFLOCK base units that a lock of `amount` FLOCK base units mints. */
export const gmOfLock = (amount: bigint, lockSeconds: bigint): bigint => (amount * lockMultiplier(lockSeconds)) / BPS;
