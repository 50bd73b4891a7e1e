import { assert } from '@skein/kernel';

/** What one row costs to compute, as measured. */
export interface Measures {
  /** Multiply-accumulates. */
  readonly macs: number;
  /** Median of recent runs, microseconds. */
  readonly cpuUs: number;
  /** Bytes in and out. */
  readonly bytes: number;
}

/** How the measures add up to compute units. MACs alone predict time only within a factor of seven. */
export interface ComplexityWeights {
  readonly perMac: number;
  readonly perCpuUs: number;
  readonly perByte: number;
}

/** One microsecond of CPU weighs as a thousand MACs, a byte as ten. */
export const DEFAULT_WEIGHTS: ComplexityWeights = { perMac: 1, perCpuUs: 1000, perByte: 10 };

/** Demand multiplier of 1, in millionths; it stays between a quarter and sixteen. */
export const ONE = 1_000_000n;
const MULTIPLIER_MIN = ONE / 4n;
const MULTIPLIER_MAX = 16n * ONE;
/** A step is at most an eighth up or down, and one eighth of the relative distance to the target. */
const EIGHTH = 8n;
/** No step within ±5 % (a twentieth) of the target. */
const DEAD_BAND = 20n;

/** Compute units of one row. */
export function complexity(measures: Measures, weights: ComplexityWeights = DEFAULT_WEIGHTS): bigint {
  const units = (count: number, weight: number): bigint => {
    assert(Number.isSafeInteger(count) && count >= 0, 'measures are whole and not negative');
    return BigInt(count) * BigInt(weight);
  };
  return units(measures.macs, weights.perMac) + units(measures.cpuUs, weights.perCpuUs) + units(measures.bytes, weights.perByte);
}

const clamp = (value: bigint, low: bigint, high: bigint): bigint => (value < low ? low : value > high ? high : value);

/** Next demand multiplier from the use of a window: `clamp(m·(1 + (u − u*)/(8·u*)))`, rounded down, in millionths. */
export function nextMultiplier(multiplier: bigint, used: bigint, target: bigint): bigint {
  assert(target > 0n && used >= 0n, 'use is counted against a positive target');
  const distance = used - target;
  if ((distance < 0n ? -distance : distance) * DEAD_BAND <= target) return multiplier;
  const bounded = clamp(distance, -target, target);
  return clamp((multiplier * (EIGHTH * target + bounded)) / (EIGHTH * target), MULTIPLIER_MIN, MULTIPLIER_MAX);
}

/** Price of one row, USD units of 10^-15: `floor + complexity × rate × m`, rounded down. */
export const unitPriceE15 = (rule: { floorE15: bigint; rateE15: bigint }, units: bigint, multiplier: bigint): bigint =>
  rule.floorE15 + (units * rule.rateE15 * multiplier) / ONE;

/** Most that a call can be charged, USD units of 10^-9: the exact price floored, and one unit for the rounding that billing carries. */
export const chargeMax = (rows: number, unitPrice: bigint): bigint => (BigInt(rows) * unitPrice) / 1_000_000n + 1n;
