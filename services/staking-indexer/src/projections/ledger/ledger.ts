import type { Tx } from '@skein/events';
import { columnsOf, readRow, sqlType, type KeyOf, type Row, type RowOf, type TableSpec } from './table.js';

interface Held {
  row: Row;
  born: number;
  since: number;
  dirty: boolean;
}

interface Loaded {
  readonly held: Map<string, Held>;
  /** Asked for and not there. */
  readonly absent: Set<string>;
  /** By key and block. */
  readonly versions: Map<string, { readonly row: Row; readonly since: number }>;
}

const keys = new WeakMap<TableSpec, readonly string[]>();

function identity(spec: TableSpec, row: Row): string {
  let names = keys.get(spec);
  if (names === undefined) keys.set(spec, (names = Object.keys(spec.key)));
  if (names.length === 1) return String(row[names[0]!]);
  return names.map((name) => String(row[name])).join('\u0000');
}

/** `$1::text[], …` and the columns as arrays. */
function arrays(kinds: readonly (readonly [string, string])[], rows: readonly Row[]): { text: string; values: unknown[] } {
  return {
    text: kinds.map(([, type], at) => `$${at + 1}::${type}[]`).join(', '),
    values: kinds.map(([name]) => rows.map((row) => (typeof row[name] === 'bigint' ? String(row[name]) : row[name]))),
  };
}

/**
 * The tables of one batch of facts: what is read is kept, what is written goes out with `flush`, a few statements per table
 * however many facts there are.
 */
export class Ledger {
  readonly #tx: Tx;
  readonly #tables = new Map<TableSpec, Loaded>();

  constructor(tx: Tx) {
    this.#tx = tx;
  }

  /** Reads rows ahead: each `get` of one of them then asks nothing. */
  async load<T extends TableSpec>(spec: T, keys: readonly KeyOf<T>[]): Promise<void> {
    const { held, absent } = this.#of(spec);
    const wanted = new Map((keys as readonly Row[]).map((key) => [identity(spec, key), key]));
    for (const id of wanted.keys()) if (held.has(id) || absent.has(id)) wanted.delete(id);
    if (wanted.size === 0) return;
    const kinds = Object.entries(spec.key).map(([name, kind]) => [name, sqlType(kind)] as const);
    const { text, values } = arrays(kinds, [...wanted.values()]);
    const names = kinds.map(([name]) => name).join(', ');
    const { rows } = await this.#tx.query(`SELECT t.* FROM ${spec.name} t JOIN unnest(${text}) AS k (${names}) USING (${names})`, values);
    for (const id of wanted.keys()) absent.add(id);
    this.#take(spec, rows);
  }

  async get<T extends TableSpec>(spec: T, key: KeyOf<T>): Promise<RowOf<T> | undefined> {
    const { held, absent } = this.#of(spec);
    const id = identity(spec, key as Row);
    if (!held.has(id) && !absent.has(id)) await this.load(spec, [key]);
    return held.get(id)?.row as RowOf<T> | undefined;
  }

  /** All rows with these values, by key. */
  async find<T extends TableSpec>(spec: T, where: Partial<RowOf<T>>): Promise<RowOf<T>[]> {
    await this.#flush(spec);
    const kinds = columnsOf(spec);
    const entries = Object.entries(where as Row);
    const text = entries.map(([name], at) => `${name} = $${at + 1}::${sqlType(kinds[name]!)}`).join(' AND ');
    const values = entries.map(([, value]) => (typeof value === 'bigint' ? String(value) : value));
    const { rows } = await this.#tx.query(`SELECT * FROM ${spec.name} WHERE ${text} ORDER BY ${Object.keys(spec.key).join(', ')}`, values);
    this.#take(spec, rows);
    return rows.map((raw) => readRow(spec, raw));
  }

  /** The row's state from block `since` on. A fact that came late counts from the newest state on: what was answered stays. */
  put<T extends TableSpec>(spec: T, row: RowOf<T>, since: number): void {
    const { held, absent, versions } = this.#of(spec);
    const id = identity(spec, row as Row);
    const before = held.get(id);
    const from = Math.max(since, before?.since ?? since);
    held.set(id, { row: row as Row, born: before?.born ?? from, since: from, dirty: true });
    absent.delete(id);
    versions.set(`${id}\u0000${from}`, { row: row as Row, since: from });
  }

  /** Puts what `next` makes of the row, or of none. */
  async change<T extends TableSpec>(spec: T, key: KeyOf<T>, since: number, next: (row: RowOf<T> | undefined) => RowOf<T>): Promise<RowOf<T>> {
    const row = next(await this.get(spec, key));
    this.put(spec, row, since);
    return row;
  }

  async flush(): Promise<void> {
    for (const spec of this.#tables.keys()) await this.#flush(spec);
  }

  #of(spec: TableSpec): Loaded {
    let found = this.#tables.get(spec);
    if (found === undefined) this.#tables.set(spec, (found = { held: new Map(), absent: new Set(), versions: new Map() }));
    return found;
  }

  #take(spec: TableSpec, rows: readonly Readonly<Record<string, unknown>>[]): void {
    const { held, absent } = this.#of(spec);
    for (const raw of rows) {
      const row = readRow(spec, raw) as Row;
      const id = identity(spec, row);
      absent.delete(id);
      held.set(id, { row, born: Number(raw['born']), since: Number(raw['since']), dirty: false });
    }
  }

  async #flush(spec: TableSpec): Promise<void> {
    const { held, versions } = this.#of(spec);
    const dirty = [...held.values()].filter((one) => one.dirty);
    if (dirty.length === 0) return;
    const kinds = Object.entries(columnsOf(spec)).map(([name, kind]) => [name, sqlType(kind)] as const);
    const key = Object.keys(spec.key).join(', ');
    await this.#upsert(spec.name, [...kinds, ['born', 'bigint'], ['since', 'bigint']], key, dirty.map(({ row, born, since }) => ({ ...row, born, since })));
    await this.#upsert(`${spec.name}_at`, [...kinds, ['since', 'bigint']], `${key}, since`, [...versions.values()].map(({ row, since }) => ({ ...row, since })));
    for (const one of dirty) one.dirty = false;
    versions.clear();
  }

  async #upsert(name: string, kinds: readonly (readonly [string, string])[], key: string, rows: readonly Row[]): Promise<void> {
    const { text, values } = arrays(kinds, rows);
    const columns = kinds.map(([column]) => column);
    const set = columns.map((column) => `${column} = EXCLUDED.${column}`).join(', ');
    await this.#tx.query(`INSERT INTO ${name} (${columns.join(', ')}) SELECT * FROM unnest(${text}) ON CONFLICT (${key}) DO UPDATE SET ${set}`, values);
  }
}
