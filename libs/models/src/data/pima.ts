import type { CsvSchema } from './csv.js';

/** Columns of `pima-diabetes.csv`: class 1 is `pos`. */
export const pimaSchema: CsvSchema = {
  features: ['pregnant', 'glucose', 'pressure', 'triceps', 'insulin', 'mass', 'pedigree', 'age'],
  label: 'diabetes',
  classes: ['neg', 'pos'],
};

/** Columns in which the file writes a missing value as 0. */
export const pimaZeroIsMissing: readonly string[] = ['glucose', 'pressure', 'triceps', 'insulin', 'mass'];
