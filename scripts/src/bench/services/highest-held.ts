/** Rates lie on a ladder, each so much above the one before: what different rounds tried can be put together. */
const STEP = 1.08;
const LOWEST = 0;

const rungOf = (rate: number): number => Math.max(LOWEST, Math.round(Math.log(Math.max(1, rate)) / Math.log(STEP)));

/** The rate of a rung, per second. */
export const rateAt = (rung: number): number => Number((STEP ** rung).toPrecision(3));

/** The next rate below; the lowest has none. */
export const rateBelow = (rate: number): number | undefined => (rungOf(rate) > LOWEST ? rateAt(rungOf(rate) - 1) : undefined);

/**
 * The highest rate that holds, near a first guess: strides that double upwards while it holds, or downwards until it does, then
 * halves between. 0 where not even one request per second holds.
 */
export async function highestHeld(guess: number, holds: (rate: number) => Promise<boolean>): Promise<number> {
  let rung = rungOf(guess);
  let [held, failed]: [number | undefined, number | undefined] = [undefined, undefined];
  for (let stride = 1; held === undefined || failed === undefined; stride *= 2) {
    if (await holds(rateAt(rung))) held = rung;
    else failed = rung;
    if (failed === LOWEST) return 0;
    if (held === undefined) rung = Math.max(LOWEST, rung - stride);
    else if (failed === undefined) rung += stride;
  }
  while (failed - held > 1) {
    const middle: number = (failed + held) >> 1;
    if (await holds(rateAt(middle))) held = middle;
    else failed = middle;
  }
  return rateAt(held);
}
