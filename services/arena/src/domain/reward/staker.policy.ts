import { fpSqrt } from '@skein/kernel';

/** Parts per million: the base of σ, γ, q and u. */
export const PPM = 1_000_000n;

/** A wallet's stake in one task. Delegated stake counts up to `DELEGATION_CAP` times its own. */
export interface Staker {
  readonly wallet: string;
  readonly ownUnits: bigint;
  readonly delegatedUnits: bigint;
  /** σ: the part of the delegation-driven reward that the wallet keeps. */
  readonly sigmaPpm: number;
}

export const DELEGATION_CAP = 3n;

export const countedDelegation = (staker: Pick<Staker, 'ownUnits' | 'delegatedUnits'>): bigint => {
  const cap = staker.ownUnits * DELEGATION_CAP;
  return staker.delegatedUnits < cap ? staker.delegatedUnits : cap;
};

export const countedStake = (staker: Pick<Staker, 'ownUnits' | 'delegatedUnits'>): bigint => staker.ownUnits + countedDelegation(staker);

/** t^α for α = 1 or ½; a stake in base units is read as fixed point with 18 decimals. */
export const stakePower = (units: bigint, alphaHalf: boolean): bigint => (alphaHalf ? fpSqrt(units) : units);

/** What a wallet and its delegation pool get. */
export interface DelegatedPay {
  readonly node: bigint;
  readonly pool: bigint;
}

/**
 * The delegation rule: `a` is the amount with the delegated stake counted, `b` without the wallet's own delegation (floored;
 * all others keep theirs). The wallet gets (a − b)·σ/B + b, floored, its pool the rest of `a`.
 */
export function splitDelegation(a: bigint, b: bigint, sigmaPpm: number): DelegatedPay {
  const alone = b < a ? b : a;
  const node = ((a - alone) * BigInt(sigmaPpm)) / PPM + alone;
  return { node, pool: a - node };
}
