import { median } from '../stats.js';

const GOAL = 0.2;
const CONFIDENCE = 0.95;

/** Samples of one size, by what was measured; more is worse in each. The same index is the same moment at every size. */
export interface SizeSamples {
  readonly size: number;
  readonly samples: Readonly<Record<string, readonly number[]>>;
}

/**
 * `undecided`: the goal lies inside the interval, so more samples or a quieter machine are needed; or the control has grown as
 * well, so that it is not the size.
 */
export type Verdict = 'flat' | 'grows' | 'undecided';

/** How much more a larger size costs than the first, as shares (0.1: a tenth more), from ratios of the same moment. */
export interface Growth {
  readonly size: number;
  readonly median: number;
  /** Where the median lies: `confidence` or, of few pairs, as much of that as they allow. */
  readonly low: number;
  readonly high: number;
  readonly confidence: number;
  readonly min: number;
  readonly max: number;
  readonly pairs: number;
  readonly verdict: Verdict;
}

/** Every larger size against the first one. */
export interface Flatness {
  readonly goal: number;
  readonly growth: Readonly<Record<string, readonly Growth[]>>;
  readonly flat: boolean;
}

const rounded = (value: number): number => Number(value.toFixed(3));

/** How many of `n` values may lie outside at either end, and the confidence with which the median is between the rest. */
function bounds(n: number): { readonly outside: number; readonly confidence: number } {
  let [outside, tail, term] = [0, 2 ** -n, 2 ** -n];
  for (;;) {
    const next = (term * (n - outside)) / (outside + 1);
    if (1 - 2 * (tail + next) < CONFIDENCE || outside + 1 >= n / 2) return { outside, confidence: rounded(Math.max(0, 1 - 2 * tail)) };
    [outside, tail, term] = [outside + 1, tail + next, next];
  }
}

/** Growth between pairs of samples. What the machine did meanwhile (others' load, a compiler that gets warm) met both of a pair. */
export function growthOf(size: number, ours: readonly number[], first: readonly number[]): Growth {
  if (ours.length !== first.length || ours.length === 0) throw new Error('samples come in pairs');
  const shares = ours.map((value, at) => value / first[at]! - 1).toSorted((a, b) => a - b);
  const { outside, confidence } = bounds(shares.length);
  const [low, high] = [shares[outside]!, shares.at(-1 - outside)!];
  const verdict = high <= GOAL ? 'flat' : low > GOAL ? 'grows' : 'undecided';
  return { size, median: rounded(median(shares)), low: rounded(low), high: rounded(high), confidence, min: rounded(shares[0]!), max: rounded(shares.at(-1)!), pairs: shares.length, verdict };
}

/**
 * Compares every size with the first, measure by measure; flat where every single one is. The control is of the first size once
 * more: where a measure grows in it, too, the method is at fault, and nothing is said of the sizes.
 */
export function flatnessOf([first, ...others]: readonly SizeSamples[], control?: SizeSamples): Flatness {
  if (first === undefined || others.length === 0) throw new Error('nothing to compare');
  const grown = (measure: string, { size, samples }: SizeSamples): Growth => growthOf(size, samples[measure] ?? [], first.samples[measure]!);
  const growth = Object.fromEntries(Object.keys(first.samples).map((measure) => {
    const isTrusted = control === undefined || grown(measure, control).verdict === 'flat';
    return [measure, others.map((other) => grown(measure, other)).map((one): Growth => (one.verdict === 'grows' && !isTrusted ? { ...one, verdict: 'undecided' } : one))];
  }));
  return { goal: GOAL, growth, flat: Object.values(growth).flat().every(({ verdict }) => verdict === 'flat') };
}

/** One line for a reader. */
export const brief = ({ size, median: middle, low, high, pairs, verdict }: Growth): string =>
  `${size}: ${(middle * 100).toFixed(1)} % (${(low * 100).toFixed(1)} … ${(high * 100).toFixed(1)}, ${pairs} pairs) ${verdict}`;
