import type { Pool } from 'pg';
import { columnsOf, readRow, sqlType, type Row, type RowOf, type TableSpec, type Value } from './table.js';

const SCHEMA = 'staking';

/** Which rows, in the order of `order` (default: the key). */
export interface RowQuery<T extends TableSpec> {
  /** Values of columns that never change in a row. */
  readonly where?: Partial<RowOf<T>>;
  /** Column names; the key's order is total. */
  readonly order?: readonly string[];
  /** Behind the row with these values of `order`. */
  readonly after?: readonly Value[];
  readonly descending?: boolean;
  readonly limit: number;
  /** As it was after this block; absent: as it is. */
  readonly block?: number | undefined;
}

/** A row of a history: what stood from block `since` on. */
export type Version<T extends TableSpec> = RowOf<T> & { readonly since: number };

const plain = (value: Value | undefined): unknown => (typeof value === 'bigint' ? String(value) : value);

/**
 * SQL of the one row of a table that meets `condition`, as it is or as it was after block `$block`: a lateral item of FROM. In a
 * history it costs one step down an index, however long the history is.
 */
export const rowAt = (name: string, condition: string, block: string | undefined): string =>
  block === undefined
    ? `LATERAL (SELECT * FROM ${SCHEMA}.${name} WHERE ${condition})`
    : `LATERAL (SELECT * FROM ${SCHEMA}.${name}_at WHERE ${condition} AND since <= ${block} ORDER BY since DESC LIMIT 1)`;

/** Reads any of the tables, now or at a block. */
export class LedgerReader {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async rows<T extends TableSpec>(spec: T, query: RowQuery<T>): Promise<RowOf<T>[]> {
    const { where = {}, order = Object.keys(spec.key), after, descending = false, limit, block } = query;
    const kinds = { ...columnsOf(spec), born: 'bigint' };
    const values: unknown[] = [];
    const bind = (value: Value | undefined, type: string): string => `$${values.push(plain(value))}::${type}`;
    const parts = Object.entries(where as Row).map(([name, value]) => `c.${name} = ${bind(value, sqlType(columnsOf(spec)[name]!))}`);
    const list = order.map((name) => `c.${name}`).join(', ');
    if (after !== undefined) {
      const places = order.map((name, at) => bind(after[at], sqlType(kinds[name as keyof typeof kinds] as 'bigint')));
      parts.push(`(${list}) ${descending ? '<' : '>'} (${places.join(', ')})`);
    }
    const at = block === undefined ? undefined : bind(block, 'bigint');
    if (at !== undefined) parts.push(`c.born <= ${at}`);
    const key = Object.keys(spec.key).map((name) => `${spec.name}_at.${name} = c.${name}`).join(' AND ');
    const from = at === undefined ? `${SCHEMA}.${spec.name} c` : `${SCHEMA}.${spec.name} c JOIN ${rowAt(spec.name, key, at)} h ON true`;
    const text = `SELECT ${at === undefined ? 'c' : 'h'}.* FROM ${from} ${parts.length === 0 ? '' : `WHERE ${parts.join(' AND ')}`}
      ORDER BY ${order.map((name) => `c.${name}${descending ? ' DESC' : ''}`).join(', ')} LIMIT ${bind(limit, 'int')}`;
    const { rows } = await this.#pool.query<Record<string, unknown>>(text, values);
    return rows.map((raw) => readRow(spec, raw));
  }

  async row<T extends TableSpec>(spec: T, where: Partial<RowOf<T>>, block?: number): Promise<RowOf<T> | undefined> {
    return (await this.rows(spec, { where, limit: 1, block }))[0];
  }

  /** The newest states that rows with these values have had, oldest first. */
  async versions<T extends TableSpec>(spec: T, where: Partial<RowOf<T>>, limit: number): Promise<Version<T>[]> {
    const entries = Object.entries(where as Row);
    const conditions = entries.map(([name], at) => `${name} = $${at + 1}`).join(' AND ');
    const order = ['since', ...Object.keys(spec.key)].map((name) => `${name} DESC`).join(', ');
    const { rows } = await this.#pool.query<Record<string, unknown>>(
      `SELECT * FROM ${SCHEMA}.${spec.name}_at WHERE ${conditions} ORDER BY ${order} LIMIT ${limit}`,
      entries.map(([, value]) => plain(value)),
    );
    return rows.map((raw) => ({ ...readRow(spec, raw), since: Number(raw['since']) })).reverse();
  }
}
