import { assert, bytesToHex, concatBytes, lengthPrefixed, sha256, uint32be, utf8 } from '@skein/kernel';
import type { Dataset } from './dataset.js';

const ROW_TAG = utf8('skein/row/v1\0');

/**
 * SHA-256 of one row, hex: `skein/row/v1\0` ‖ number of features (uint32 big endian) ‖ each feature as float64 big endian
 * (−0 as 0) ‖ label as text with its length. Equal values give equal hashes however the file wrote them, so sets can be
 * shown to be disjoint.
 */
export function rowHash(dataset: Dataset, row: number): string {
  assert(row >= 0 && row < dataset.rows, 'a row hash is of a row that exists');
  const width = dataset.columns.length;
  const bytes = new Uint8Array(8 * width);
  const view = new DataView(bytes.buffer);
  for (let column = 0; column < width; column++) view.setFloat64(8 * column, dataset.features[row * width + column]! + 0);
  const label = dataset.labels[row]!;
  return bytesToHex(sha256(concatBytes(ROW_TAG, uint32be(width), bytes, lengthPrefixed(dataset.classes?.[label] ?? String(label)))));
}

/** Hashes of all rows in order. */
export const rowHashes = (dataset: Dataset): string[] => Array.from({ length: dataset.rows }, (_, row) => rowHash(dataset, row));

/** The rows with the given numbers, in that order. */
export function selectRows(dataset: Dataset, rows: readonly number[]): Dataset {
  const width = dataset.columns.length;
  const features = new Float32Array(rows.length * width);
  const labels = new Float32Array(rows.length);
  rows.forEach((from, to) => {
    assert(from >= 0 && from < dataset.rows, 'a selected row exists');
    features.set(dataset.features.subarray(from * width, (from + 1) * width), to * width);
    labels[to] = dataset.labels[from]!;
  });
  return { ...dataset, rows: rows.length, features, labels };
}

/** Median of the non-zero values of each named column, put where the column is 0 (a column of zeros stays). */
export function imputeZeros(dataset: Dataset, columns: readonly string[]): Dataset {
  const width = dataset.columns.length;
  const features = dataset.features.slice();
  for (const name of columns) {
    const column = dataset.columns.indexOf(name);
    assert(column >= 0, `the data set has the column ${name}`);
    const median = medianOf(Array.from({ length: dataset.rows }, (_, row) => features[row * width + column]!).filter((value) => value !== 0));
    for (let row = 0; row < dataset.rows; row++) if (features[row * width + column] === 0) features[row * width + column] = median;
  }
  return { ...dataset, features };
}

function medianOf(values: number[]): number {
  if (values.length === 0) return 0;
  const sorted = values.sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Mean and standard deviation (population; 1 where a column is constant) of each column, float64. */
export function columnMoments(dataset: Dataset): { mean: number[]; scale: number[] } {
  const width = dataset.columns.length;
  const mean = new Array<number>(width).fill(0);
  const square = new Array<number>(width).fill(0);
  for (let i = 0; i < dataset.features.length; i++) mean[i % width]! += dataset.features[i]! / dataset.rows;
  for (let i = 0; i < dataset.features.length; i++) square[i % width]! += (dataset.features[i]! - mean[i % width]!) ** 2 / dataset.rows;
  return { mean, scale: square.map((value) => (value > 0 ? Math.sqrt(value) : 1)) };
}
