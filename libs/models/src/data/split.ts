import { assert, largestRemainder, shuffle, type RandomSource } from '@skein/kernel';
import type { Dataset } from './dataset.js';

/** Row numbers by label, labels ascending, rows ascending. */
export function rowsByLabel(dataset: Dataset): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  for (let row = 0; row < dataset.rows; row++) {
    const label = dataset.labels[row]!;
    const group = groups.get(label);
    if (group === undefined) groups.set(label, [row]);
    else group.push(row);
  }
  return new Map([...groups].sort(([a], [b]) => a - b));
}

/**
 * Cuts a data set into parts of the given sizes with (nearly) the whole set's mix of labels; rows left over form one more
 * part at the end. Sizes are exact: each part's rows are spread over the labels by largest remainder of what is left.
 * The same random source gives the same parts; rows inside a part are in random order.
 */
export function stratifiedSplit(dataset: Dataset, sizes: readonly number[], rng: RandomSource): number[][] {
  assert(sizes.every((size) => Number.isInteger(size) && size >= 0), 'sizes are whole numbers');
  assert(sizes.reduce((sum, size) => sum + size, 0) <= dataset.rows, 'the parts fit into the data set');
  const left = [...rowsByLabel(dataset).values()].map((rows) => shuffle(rng, rows));
  const parts = sizes.map((size) => {
    const shares = size === 0 ? left.map(() => 0n) : largestRemainder(BigInt(size), left.map((rows) => BigInt(rows.length)));
    return shuffle(rng, left.flatMap((rows, label) => rows.splice(0, Number(shares[label]!))));
  });
  return [...parts, shuffle(rng, left.flat())];
}
