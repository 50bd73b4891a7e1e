import { writeCsv, type Dataset } from '@skein/models';

/** Rows as CSV with the label as 0 or 1 in the column `diabetes`: the tasks' files know no class names. */
export const csvOf = ({ columns, rows, features, labels }: Dataset): Uint8Array => writeCsv({ columns, rows, features, labels }, 'diabetes');
