import type { Projection, RecordedEvent, Tx } from './types.js';

/** Columns as JSON carries them; what JSON has no number for is text. */
export type Columns = Readonly<Record<string, unknown>>;

interface Change {
  deleted: boolean;
  inserted?: Record<string, unknown>;
  updated?: Record<string, unknown>;
}

// Rows with the same columns share a statement.
function byColumns(all: readonly Columns[]): Columns[][] {
  return [...Map.groupBy(all, (columns) => Object.keys(columns).join()).values()];
}

/** Half a character, as a client may send it, is what PostgreSQL's JSON refuses: it becomes U+FFFD, as in any other text sent to it. */
function jsonOf(rows: readonly Columns[]): string {
  const text = JSON.stringify(rows);
  return /\\ud[89a-f]/.test(text) ? JSON.stringify(rows, (_, value: unknown) => (typeof value === 'string' ? value.toWellFormed() : value)) : text;
}

const quoted = (name: string): string => `"${name}"`;

/**
 * Changes of one table's rows by their key, gathered over many events and written by a few statements: the table is then as
 * if each change had been written at once. What changes rows by anything but their key has to be written after a `flush`.
 */
export class RowChanges {
  readonly #table: string;
  readonly #key: string;
  readonly #changes = new Map<string, Change>();

  constructor(table: string, key: string) {
    this.#table = table;
    this.#key = key;
  }

  #of(key: string): Change {
    const known = this.#changes.get(key);
    if (known) return known;
    const change: Change = { deleted: false };
    this.#changes.set(key, change);
    return change;
  }

  /** Adds a row, its key among its columns; the table's defaults stand for columns that are left out. Throws where it was added before. */
  insert(row: Columns): void {
    const key = String(row[this.#key]);
    const change = this.#of(key);
    if (change.inserted) throw new Error(`table ${this.#table} has ${key} already`);
    change.inserted = { ...row };
  }

  /** Sets columns of a row; nothing where there is none. */
  update(key: string, columns: Columns): void {
    const change = this.#of(key);
    if (change.inserted) Object.assign(change.inserted, columns);
    else if (!change.deleted) change.updated = { ...change.updated, ...columns };
  }

  /** Removes a row; nothing where there is none. */
  delete(key: string): void {
    const change = this.#of(key);
    if (change.inserted) delete change.inserted;
    else {
      change.deleted = true;
      delete change.updated;
    }
  }

  /** Writes the changes so far and forgets them. */
  async flush(tx: Tx): Promise<void> {
    if (this.#changes.size === 0) return;
    const changes = [...this.#changes];
    this.#changes.clear();
    // A row that was removed may have come again, and one that was added cannot have been there before.
    const deleted = changes.filter(([, change]) => change.deleted).map(([key]) => key);
    if (deleted.length > 0) await this.#write(tx, `DELETE FROM ${quoted(this.#table)} t USING ${this.#given()} WHERE ${this.#same()}`, deleted.map((key) => ({ [this.#key]: key })));
    for (const rows of byColumns(changes.flatMap(([key, { updated }]) => (updated ? [{ ...updated, [this.#key]: key }] : [])))) await this.#update(tx, rows);
    for (const rows of byColumns(changes.flatMap(([, { inserted }]) => (inserted ? [inserted] : [])))) await this.#insert(tx, rows);
  }

  /** The rows of the statement's one parameter: the table itself knows its columns' types. */
  #given(): string {
    return `json_populate_recordset(NULL::${quoted(this.#table)}, $1::json) AS given`;
  }

  #same(): string {
    return `t.${quoted(this.#key)} = given.${quoted(this.#key)}`;
  }

  #write(tx: Tx, text: string, rows: readonly Columns[]): Promise<unknown> {
    return tx.query(text, [jsonOf(rows)]);
  }

  #update(tx: Tx, rows: readonly Columns[]): Promise<unknown> {
    const names = Object.keys(rows[0] ?? {}).filter((name) => name !== this.#key);
    return this.#write(tx, `UPDATE ${quoted(this.#table)} t SET ${names.map((name) => `${quoted(name)} = given.${quoted(name)}`).join(', ')} FROM ${this.#given()} WHERE ${this.#same()}`, rows);
  }

  #insert(tx: Tx, rows: readonly Columns[]): Promise<unknown> {
    const names = Object.keys(rows[0] ?? {}).map(quoted).join(', ');
    return this.#write(tx, `INSERT INTO ${quoted(this.#table)} (${names}) SELECT ${names} FROM ${this.#given()}`, rows);
  }
}

/** Both ways of a projection from the one over many events. */
export const inBatches = (applyBatch: (tx: Tx, events: readonly RecordedEvent[]) => Promise<void>): Required<Pick<Projection, 'apply' | 'applyBatch'>> => ({
  apply: (tx, event) => applyBatch(tx, [event]),
  applyBatch,
});
