/** Type of a column; with `?` it may be null. In rows numeric is a bigint, bigint and int are numbers. */
export type ColumnKind = 'text' | 'text?' | 'numeric' | 'numeric?' | 'bigint' | 'bigint?' | 'int' | 'int?' | 'boolean';

type Kinds = Readonly<Record<string, ColumnKind>>;
type Plain<K extends string> = K extends 'text' ? string : K extends 'numeric' ? bigint : K extends 'boolean' ? boolean : number;
type ValueOf<K extends ColumnKind> = K extends `${infer P}?` ? Plain<P> | null : Plain<K>;
type Values<K extends Kinds> = { readonly [C in keyof K]: ValueOf<K[C]> };

/** A table that holds the newest state of each key and, beside it in `<name>_at`, the last state of each block that changed it. */
export interface TableSpec {
  readonly name: string;
  readonly key: Kinds;
  readonly columns: Kinds;
  /** `CREATE INDEX …` on the newest states. */
  readonly indexes?: string;
}

export type KeyOf<T extends TableSpec> = Values<T['key']>;
export type RowOf<T extends TableSpec> = Values<T['key']> & Values<T['columns']>;
export type Value = string | number | bigint | boolean | null;
export type Row = Readonly<Record<string, Value>>;

/** For inference: keeps the literal kinds. */
export const table = <const T extends TableSpec>(spec: T): T => spec;

export const columnsOf = ({ key, columns }: TableSpec): Kinds => ({ ...key, ...columns });
export const sqlType = (kind: ColumnKind): string => kind.replace('?', '');

/** SQL that makes the table and its history. */
export function ddl(spec: TableSpec): string {
  const columns = Object.entries(columnsOf(spec)).map(([name, kind]) => `${name} ${sqlType(kind)}${kind.endsWith('?') ? '' : ' NOT NULL'}`);
  const key = Object.keys(spec.key).join(', ');
  return `
CREATE TABLE ${spec.name} (${columns.join(', ')}, born bigint NOT NULL, since bigint NOT NULL, PRIMARY KEY (${key}));
CREATE TABLE ${spec.name}_at (${columns.join(', ')}, since bigint NOT NULL, PRIMARY KEY (${key}, since));
${spec.indexes ?? ''}`;
}

/** A row as `pg` gives it, with values as rows have them. */
export function readRow<T extends TableSpec>(spec: T, raw: Readonly<Record<string, unknown>>): RowOf<T> {
  const row = Object.entries(columnsOf(spec)).map(([name, kind]): [string, Value] => {
    const value = raw[name] as string | number | boolean | null;
    if (value === null) return [name, null];
    if (kind.startsWith('numeric')) return [name, BigInt(value)];
    return [name, kind.startsWith('bigint') ? Number(value) : value];
  });
  return Object.fromEntries(row) as RowOf<T>;
}
