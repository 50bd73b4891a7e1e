/** Median and range of repeated measurements. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
}

const rounded = (value: number): number => (Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3)));

/** The middle value; the mean of the two middle ones where their number is even. Throws on none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error('no measurements');
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The value that a share (0 to 1) of the measurements does not exceed (nearest rank). Throws on none. */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new Error('no measurements');
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))]!;
}

/** Three significant digits, or whole numbers from 100 on. */
export const spreadOf = (values: readonly number[]): Spread => ({
  median: rounded(median(values)),
  min: rounded(Math.min(...values)),
  max: rounded(Math.max(...values)),
  runs: values.length,
});

/**
 * Ratios of runs that were taken one right after the other. Whatever else the machine did then slowed both, so their spread
 * is smaller than that of either.
 */
export function ratioOf(ours: readonly number[], theirs: readonly number[]): Spread {
  if (ours.length !== theirs.length) throw new Error('interleaved runs come in pairs');
  return spreadOf(ours.map((value, run) => value / theirs[run]!));
}
