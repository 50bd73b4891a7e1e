import { DeterministicRandom, sha256, shuffle, utf8 } from '@skein/kernel';
import { rowsByLabel, selectRows, stratifiedSplit } from '@skein/models';
import type { Dataset } from '@skein/models';

/** How many rows go where; hospitals share what remains. */
export const STORY_SIZES = { testShare: 0.2, publicRows: 40, hiddenRows: 60, laboratoryRows: 40, hospitalRowsMin: 10 } as const;

/** Row numbers of the story's data set by use: disjoint, and together all rows. */
export interface StorySplit {
  /** The untouched fifth, stratified. */
  readonly test: readonly number[];
  /** What every trainer gets; balanced. */
  readonly public: readonly number[];
  /** The partner's two hidden validation sets, stratified. */
  readonly hidden: readonly (readonly number[])[];
  /** Label-skewed by Dirichlet(.3). */
  readonly hospitals: readonly (readonly number[])[];
  /** Balanced, 40 rows each; the third belongs to the saboteur. */
  readonly laboratories: readonly (readonly number[])[];
  readonly saboteur: readonly number[];
}

/** A generator that depends on the story's seed and a word only. */
export const storyRandom = (seed: number, what: string): DeterministicRandom =>
  new DeterministicRandom(sha256(utf8(`skein/story/v1/${seed}/${what}`)));

/** Standard normal by Box and Muller. */
function normal(rng: DeterministicRandom): number {
  return Math.sqrt(-2 * Math.log(1 - rng.float())) * Math.cos(2 * Math.PI * rng.float());
}

/** Gamma(shape, 1) by Marsaglia and Tsang, with their boost below 1. */
function gamma(rng: DeterministicRandom, shape: number): number {
  if (shape < 1) return gamma(rng, shape + 1) * (1 - rng.float()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = normal(rng);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - rng.float()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** Shares of `parts` from a symmetric Dirichlet distribution. */
export function dirichlet(rng: DeterministicRandom, alpha: number, parts: number): number[] {
  const draws = Array.from({ length: parts }, () => gamma(rng, alpha));
  const total = draws.reduce((sum, draw) => sum + draw, 0);
  return draws.map((draw) => draw / total);
}

function skewed(groups: readonly (readonly number[])[], alpha: number, parts: number, rng: DeterministicRandom): number[][] {
  const out: number[][] = Array.from({ length: parts }, () => []);
  for (const rows of groups) {
    const order = shuffle(rng, rows);
    let share = 0;
    let from = 0;
    dirichlet(rng, alpha, parts).forEach((part, i) => {
      share += part;
      const to = i === parts - 1 ? order.length : Math.round(share * order.length);
      out[i]!.push(...order.slice(from, to));
      from = to;
    });
  }
  return out;
}

/** Rows by label over the hospitals, drawn again only while one has fewer than ten. */
function hospitalRows(groups: readonly (readonly number[])[], rng: DeterministicRandom): number[][] {
  for (;;) {
    const hospitals = skewed(groups, 0.3, 3, rng);
    if (hospitals.every((rows) => rows.length >= STORY_SIZES.hospitalRowsMin)) return hospitals;
  }
}

/** Takes `count` rows out of the groups, the same number of each label. */
function takeBalanced(groups: number[][], count: number): number[] {
  return groups.flatMap((rows) => rows.splice(0, count / groups.length));
}

/** The story's split: the same seed gives the same rows to the same hands. */
export function storySplit(dataset: Dataset, seed: number): StorySplit {
  const rng = storyRandom(seed, 'split');
  const testRows = Math.round(dataset.rows * STORY_SIZES.testShare);
  const [test, hiddenA, hiddenB, rest] = stratifiedSplit(
    dataset, [testRows, STORY_SIZES.hiddenRows, STORY_SIZES.hiddenRows], rng,
  ) as [number[], number[], number[], number[]];
  const groups = [...rowsByLabel(selectRows(dataset, rest)).values()].map((rows) => shuffle(rng, rows.map((row) => rest[row]!)));
  const publicRows = takeBalanced(groups, STORY_SIZES.publicRows);
  const laboratories = [0, 1, 2].map(() => takeBalanced(groups, STORY_SIZES.laboratoryRows));
  return {
    test,
    public: publicRows,
    hidden: [hiddenA, hiddenB],
    hospitals: hospitalRows(groups, rng),
    laboratories: laboratories.slice(0, 2),
    saboteur: laboratories[2]!,
  };
}
