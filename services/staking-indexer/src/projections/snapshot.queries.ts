import { canonicalJson } from '@skein/kernel';
import type { LedgerReader } from './ledger/ledger-reader.js';
import type { Row, Value } from './ledger/table.js';
import { LEDGER_TABLES } from './ledger/tables.js';

/** Where a snapshot goes on: behind a row of a table. */
export interface SnapshotPlace {
  readonly table: number;
  readonly after?: readonly Value[];
}

export interface SnapshotPage {
  readonly lines: readonly string[];
  readonly next: SnapshotPlace | undefined;
}

const text = (value: Value): string | boolean | null => (typeof value === 'bigint' || typeof value === 'number' ? value.toString() : value);

/** One row as a line: equal rows are equal lines, numbers are decimal strings. */
const lineOf = (table: string, row: Row): string => canonicalJson({ table, ...Object.fromEntries(Object.entries(row).map(([name, value]) => [name, text(value)])) });

/**
 * Rows as they were after a block, tables and rows in a fixed order. Nothing in them tells when or how they were learnt: who
 * followed live through reorgs and who read everything at once has the same.
 */
export async function snapshotPage(ledger: LedgerReader, block: number, from: SnapshotPlace, limit: number): Promise<SnapshotPage> {
  const lines: string[] = [];
  let { table, after }: { table: number; after?: readonly Value[] | undefined } = from;
  while (table < LEDGER_TABLES.length) {
    const spec = LEDGER_TABLES[table]!;
    const left = limit - lines.length;
    const rows = (await ledger.rows(spec, { block, limit: left, ...(after === undefined ? {} : { after }) })) as Row[];
    lines.push(...rows.map((row) => lineOf(spec.name, row)));
    if (rows.length === left) return { lines, next: { table, after: Object.keys(spec.key).map((name) => rows.at(-1)![name]!) } };
    [table, after] = [table + 1, undefined];
  }
  return { lines, next: undefined };
}
