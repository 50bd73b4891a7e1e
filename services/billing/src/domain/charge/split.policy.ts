import { assert, largestRemainder, mulDiv, sum } from '@skein/kernel';

/** A part of a model version's revenue, in basis points of what is left for its contributors. */
export interface OwnerShare {
  /** developer, data, validators or parents. */
  readonly class: string;
  readonly payee: string;
  readonly bps: number;
}

/** Where the gross of one paid call goes. compute + platform + Σ parts = gross. */
export interface ChargeSplit {
  readonly compute: bigint;
  readonly platform: bigint;
  readonly contributors: bigint;
  /** One amount per share, in the order of the shares. */
  readonly parts: readonly bigint[];
}

const BPS = 10_000n;

/**
 * Gross → compute at its metered cost → the platform's fee, floored, of what is left → owner shares by largest remainder,
 * ties turned by the transfer's id so that small calls do not always favour the same payee. A metered cost above the
 * gross takes the gross.
 */
export function splitCharge(input: {
  gross: bigint;
  computeCost: bigint;
  platformBps: number;
  shares: readonly OwnerShare[];
  transferId: string;
}): ChargeSplit {
  const { gross, computeCost, platformBps, shares, transferId } = input;
  assert(gross >= 0n && computeCost >= 0n, 'a call is charged and costs a non-negative amount');
  assert(platformBps >= 0 && platformBps <= Number(BPS), 'the platform takes at most everything');
  assert(sum(shares.map(({ bps }) => BigInt(bps))) === BPS, 'owner shares sum to 10 000 basis points');
  const compute = computeCost < gross ? computeCost : gross;
  const platform = mulDiv(gross - compute, BigInt(platformBps), BPS);
  const contributors = gross - compute - platform;
  const parts = largestRemainder(contributors, shares.map(({ bps }) => BigInt(bps)), transferId);
  return { compute, platform, contributors, parts };
}
