import { err, ok, RejectionError, type Rejection, type Result } from '@skein/kernel';
import type { Dataset } from './dataset.js';

/** How a CSV file becomes a data set. */
export interface CsvSchema {
  /** Feature columns in the model's order; the first line of the file names all columns. */
  readonly features: readonly string[];
  readonly label: string;
  /** Class names by index; without it the label is a number (regression). */
  readonly classes?: readonly string[];
}

/** Bounds of an untrusted file. */
export interface CsvLimits {
  readonly rowsMax: number;
  readonly bytesMax: number;
}

/** A million rows, 256 MiB. */
export const defaultCsvLimits: CsvLimits = { rowsMax: 1_000_000, bytesMax: 256 * 1024 * 1024 };

const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;

function refuse(rule: string, message: string): never {
  throw new RejectionError({ code: 'invalid-argument', rule, message, field: 'dataset' });
}

/**
 * Reads a CSV data set (comma, first line names, no quotes; LF or CRLF). Refuses by rule `size`, `csv-header`,
 * `csv-columns`, `csv-number`, `csv-label`, `csv-rows`; messages name the line, never its contents, because rows may be
 * hidden.
 */
export function parseCsv(text: string | Uint8Array, schema: CsvSchema, limits: CsvLimits = defaultCsvLimits): Result<Dataset, Rejection> {
  try {
    if (text.length > limits.bytesMax) refuse('size', `the data set is larger than ${limits.bytesMax} bytes`);
    return ok(read(typeof text === 'string' ? text : new TextDecoder().decode(text), schema, limits));
  } catch (error) {
    if (error instanceof RejectionError) return err(error.rejection);
    throw error;
  }
}

function read(text: string, schema: CsvSchema, limits: CsvLimits): Dataset {
  const [header = '', ...lines] = text.split('\n').map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
  while (lines.at(-1) === '') lines.pop();
  if (lines.length > limits.rowsMax) refuse('csv-rows', `the data set has more than ${limits.rowsMax} rows`);
  if (lines.length === 0) refuse('csv-rows', 'the data set has no rows');
  const names = header.split(',');
  if (new Set(names).size !== names.length) refuse('csv-header', 'a column is named twice');
  const at = (name: string): number => {
    const index = names.indexOf(name);
    return index >= 0 ? index : refuse('csv-header', `the column ${name} is missing`);
  };
  const columns = schema.features.map(at);
  const label = at(schema.label);
  const features = new Float32Array(lines.length * columns.length);
  const labels = new Float32Array(lines.length);
  lines.forEach((line, row) => {
    const cells = line.split(',');
    if (cells.length !== names.length) refuse('csv-columns', `line ${row + 2} has not ${names.length} columns`);
    columns.forEach((column, index) => (features[row * columns.length + index] = numberAt(cells[column]!, row)));
    labels[row] = labelAt(cells[label]!, row, schema.classes);
  });
  const dataset = { columns: [...schema.features], rows: lines.length, features, labels };
  return schema.classes === undefined ? dataset : { ...dataset, classes: [...schema.classes] };
}

function numberAt(cell: string, row: number): number {
  const value = NUMBER.test(cell.trim()) ? Math.fround(Number(cell)) : Number.NaN;
  return Number.isFinite(value) ? value : refuse('csv-number', `line ${row + 2} holds something that is no finite number`);
}

function labelAt(cell: string, row: number, classes: readonly string[] | undefined): number {
  if (classes === undefined) return numberAt(cell, row);
  const index = classes.indexOf(cell);
  return index >= 0 ? index : refuse('csv-label', `line ${row + 2} has a label that is no class of the task`);
}

/**
 * The schema of a task's file as its header tells it: every column but the label is a feature, in order; the label is the
 * named column, or the last one where the name is empty. Labels are numbers.
 */
export function csvSchemaOf(csv: Uint8Array, label: string): CsvSchema {
  const end = csv.indexOf(10);
  const names = new TextDecoder().decode(end < 0 ? csv : csv.subarray(0, end)).trimEnd().split(',');
  const named = label === '' ? names.at(-1)! : label;
  return { features: names.filter((name) => name !== named), label: named };
}

/** Writes a data set as CSV: the features, then the label. `parseCsv` of it gives the same data set. */
export function writeCsv(dataset: Dataset, label: string): Uint8Array {
  const width = dataset.columns.length;
  const lines = [[...dataset.columns, label].join(',')];
  for (let row = 0; row < dataset.rows; row++) {
    const cells = Array.from(dataset.features.subarray(row * width, (row + 1) * width), String);
    const value = dataset.labels[row]!;
    lines.push([...cells, dataset.classes?.[value] ?? String(value)].join(','));
  }
  return new TextEncoder().encode(`${lines.join('\n')}\n`);
}
