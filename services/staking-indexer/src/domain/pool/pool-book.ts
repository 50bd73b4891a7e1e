/** Scale of both indices. */
export const SCALE = 10n ** 27n;
/** What was asked for in epoch e counts, where the pool is not funded for it, from epoch e + this on. */
export const COUNTS_AFTER_EPOCHS = 3;

/** A pool's sums, as `ShareBook` and `DelegationPool` keep them. Indices and carry are scaled. */
export interface PoolSums {
  /** I: rewards per share so far. */
  readonly rewardIndex: bigint;
  /** P: principal per share. */
  readonly principalIndex: bigint;
  /** The rest of the last funding, for the next one. */
  readonly carry: bigint;
  /** D: shares that count. */
  readonly totalShares: bigint;
  /** Tracked principal: delegations that do not count yet, exits that are not paid and rounding dust included. */
  readonly total: bigint;
}

/** A delegator's d and l. */
export interface Account {
  readonly shares: bigint;
  /** Scaled; may be below zero. */
  readonly credit: bigint;
}

export const emptyPool: PoolSums = { rewardIndex: 0n, principalIndex: SCALE, carry: 0n, totalShares: 0n, total: 0n };
export const emptyAccount: Account = { shares: 0n, credit: 0n };

/** Principal behind shares, floored. */
export const worth = (shares: bigint, { principalIndex }: Pick<PoolSums, 'principalIndex'>): bigint => (shares * principalIndex) / SCALE;

/** Shares of a delegation, floored. */
export const sharesOf = (amount: bigint, { principalIndex }: Pick<PoolSums, 'principalIndex'>): bigint => (amount * SCALE) / principalIndex;

/** Shares that leave for `amount`, rounded up: never more than there are. */
export function sharesFor(amount: bigint, { principalIndex }: Pick<PoolSums, 'principalIndex'>): bigint {
  return (amount * SCALE + principalIndex - 1n) / principalIndex;
}

/** Shares `amount` among those that count. Nobody may count, then nothing may be shared. */
export function fund(pool: PoolSums, amount: bigint): PoolSums {
  if (amount === 0n) return pool;
  const scaled = amount * SCALE + pool.carry;
  return { ...pool, rewardIndex: pool.rewardIndex + scaled / pool.totalShares, carry: scaled % pool.totalShares };
}

/** Shares that were asked for begin and cease to count. */
export const activate = (pool: PoolSums, sharesIn: bigint, sharesOut: bigint): PoolSums => ({
  ...pool,
  totalShares: pool.totalShares + sharesIn - sharesOut,
});

/** The same for one delegator, at the reward index of that very moment: what was earned before is nobody's who comes after. */
export const count = ({ shares, credit }: Account, sharesIn: bigint, sharesOut: bigint, rewardIndex: bigint): Account => ({
  shares: shares + sharesIn - sharesOut,
  credit: credit - (sharesIn - sharesOut) * rewardIndex,
});

/** What a delegator could claim, fees included. What is asked for and does not count yet changes nothing of it. */
export const claimable = ({ shares, credit }: Account, rewardIndex: bigint): bigint => (credit + shares * rewardIndex) / SCALE;

/** A claim of all of it. */
export const claim = (account: Account, amount: bigint): Account => ({ ...account, credit: account.credit - amount * SCALE });

/** Takes `taken` of the principal, from everybody pro rata. */
export function slash(pool: PoolSums, taken: bigint): PoolSums {
  const left = pool.total - taken;
  return { ...pool, principalIndex: (pool.principalIndex * left) / pool.total, total: left };
}

/** What a wallet's pool adds to a stake's weight: by own stake over all its tasks, at most `cap` times the own stake. */
export function delegatedWeight(own: bigint, ownTotal: bigint, principal: bigint, cap: bigint): bigint {
  if (own === 0n || ownTotal === 0n) return 0n;
  const part = (principal * own) / ownTotal;
  const most = own * cap;
  return part < most ? part : most;
}
