import { assert } from '@skein/kernel';

/** Decimals that a rate (10^-15) has more than an amount of USD credit (10^-9). */
const RATE_PER_UNIT = 1_000_000n;

/** What was used so far at one price, exactly, and what was charged for it. */
export interface RateAggregate {
  /** Sum of units × rate, USD units of 10^-15. */
  readonly exactE15: bigint;
  /** Sum charged, USD units of 10^-9: `exactE15` rounded once, half to even. */
  readonly charged: bigint;
}

/** Nearest whole unit; a tie goes to the even one. */
export function roundHalfEven(numerator: bigint, denominator: bigint): bigint {
  assert(numerator >= 0n && denominator > 0n, 'only non-negative amounts are rounded');
  const whole = numerator / denominator;
  const twice = (numerator % denominator) * 2n;
  if (twice === denominator) return whole + (whole & 1n);
  return twice > denominator ? whole + 1n : whole;
}

/** The aggregate of so much exact use: what was charged for it is its rounded sum. */
export const aggregateOf = (exactE15: bigint): RateAggregate => ({ exactE15, charged: roundHalfEven(exactE15, RATE_PER_UNIT) });

export const emptyAggregate: RateAggregate = aggregateOf(0n);

/**
 * Adds one use. The charge is the growth of the rounded sum, so that charges of any number of calls differ from the exact
 * price by less than one unit in all, not by half a unit each.
 */
export function charge(aggregate: RateAggregate, exactE15: bigint): { aggregate: RateAggregate; amount: bigint } {
  const sumE15 = aggregate.exactE15 + exactE15;
  const charged = roundHalfEven(sumE15, RATE_PER_UNIT);
  return { aggregate: { exactE15: sumE15, charged }, amount: charged - aggregate.charged };
}

/** The most that a use of this exact price can be charged, whatever remainder it meets. */
export const chargeMax = (exactE15: bigint): bigint => exactE15 / RATE_PER_UNIT + 1n;

/** Whole units of a metered cost: a cost is floored, never charged above what it was. */
export const costUnits = (costE15: bigint): bigint => costE15 / RATE_PER_UNIT;
