import { readFileSync } from 'node:fs';
import { logisticProbabilities, trainLogistic, type BinaryRows } from '@skein/aggregation';
import { unwrap } from '@skein/kernel';
import { columnMoments, parseCsv, pimaSchema, selectRows, type Dataset } from '@skein/models';
import { storySplit } from './story-split.js';

/** The story's recipe of local training. */
export const RECIPE = { epochs: 2, batch: 16, learningRate: 0.1, l2: 1e-4 } as const;

/** The Pima rows that come with the repository. */
export function pimaRows(): Dataset {
  return unwrap(parseCsv(readFileSync(new URL('../../data/pima-diabetes.csv', import.meta.url)), pimaSchema));
}

/** Standardises by fixed moments. */
export function standardised(dataset: Dataset, { mean, scale }: ReturnType<typeof columnMoments>): BinaryRows {
  const width = dataset.columns.length;
  const features = dataset.features.map((value, i) => (value - mean[i % width]!) / scale[i % width]!);
  return { rows: dataset.rows, width, features, labels: dataset.labels };
}

/** Share of rows that the weights classify rightly. */
export function accuracyOf(weights: Float32Array | Float64Array, data: BinaryRows): number {
  const probabilities = logisticProbabilities(weights, data);
  return probabilities.filter((p, row) => (p >= 0.5 ? 1 : 0) === data.labels[row]).length / data.rows;
}

/** Weights of a logistic regression trained from zeros. */
export const fromZeros = (data: BinaryRows, epochs: number, seed: string): Float64Array =>
  trainLogistic(new Float64Array(data.width + 1), data, { ...RECIPE, epochs, seed }).weights;

/** What training without federation reaches on the untouched rows after so many epochs from zeros: each hospital alone, and pooled. */
export function baselines(dataset: Dataset, seed: number, epochs: number): { readonly hospitals: readonly number[]; readonly pooled: number } {
  const split = storySplit(dataset, seed);
  const moments = columnMoments(selectRows(dataset, split.public));
  const rowsOf = (rows: readonly number[]): BinaryRows => standardised(selectRows(dataset, rows), moments);
  const test = rowsOf(split.test);
  return {
    hospitals: split.hospitals.map((rows, i) => accuracyOf(fromZeros(rowsOf(rows), epochs, `${seed}/alone/${i}`), test)),
    pooled: accuracyOf(fromZeros(rowsOf([...split.hospitals, ...split.laboratories].flat()), epochs, `${seed}/pooled`), test),
  };
}
