import { largestRemainder, sum } from '@skein/kernel';

/** 420 million FLOCK in base units, minted over 60 periods of 30 days, each 1 % below the last. */
export const EMISSION_TOTAL_UNITS = 420_000_000n * 10n ** 18n;
const PERIODS = 60n;
const DAYS_PER_PERIOD = 30n;
const LAST_DAY = PERIODS * DAYS_PER_PERIOD - 1n;
const DAY_SECONDS = 86_400n;

const periodWeight = (period: bigint): bigint => 99n ** period * 100n ** (PERIODS - 1n - period);
const WEIGHT_SUM = sum(Array.from({ length: Number(PERIODS) }, (_, period) => periodWeight(BigInt(period))));
const dayOfPeriod = (period: bigint): bigint => (EMISSION_TOTAL_UNITS * periodWeight(period)) / (DAYS_PER_PERIOD * WEIGHT_SUM);
const LAST_DAY_EXTRA =
  EMISSION_TOTAL_UNITS - DAYS_PER_PERIOD * sum(Array.from({ length: Number(PERIODS) }, (_, period) => dayOfPeriod(BigInt(period))));

/** Base units minted on a day counted from 0; nothing after the last of 1 800 days. */
export function emissionOfDay(day: bigint): bigint {
  if (day > LAST_DAY) return 0n;
  return dayOfPeriod(day / DAYS_PER_PERIOD) + (day === LAST_DAY ? LAST_DAY_EXTRA : 0n);
}

/** Emission of a reward epoch that starts after `emittedSeconds` of the calendar: its day's amount × its length, floored. */
export function emissionOfEpoch(emittedSeconds: bigint, epochSeconds: bigint): bigint {
  return (emissionOfDay(emittedSeconds / DAY_SECONDS) * epochSeconds) / DAY_SECONDS;
}

/** R0 of each task: the pot by counted stake × reward weight. Without any weight nothing is minted. */
export function divideAmongTasks(potUnits: bigint, weights: readonly bigint[]): bigint[] {
  return sum(weights) === 0n ? weights.map(() => 0n) : largestRemainder(potUnits, weights);
}
