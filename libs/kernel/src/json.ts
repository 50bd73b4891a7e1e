const BIGINT = /^-?\d+n$/;

// The last character decides for nearly every text, without a regular expression.
const isEncodedBigint = (text: string): boolean => text.endsWith('n') && BIGINT.test(text);

const escapeString = (text: string): string => (text.startsWith('$') || isEncodedBigint(text) ? `$${text}` : text);

// Most payloads hold nothing to escape, and copying every object of every event was a third of what an append and a read cost here.
// So what has nothing to change is handed on as it is, and an object is copied from the first field that changes.

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

function mapArray(values: readonly unknown[], map: (value: unknown) => unknown): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index];
    const mapped = map(value);
    if (copy === undefined && mapped !== value) copy = values.slice(0, index);
    copy?.push(mapped);
  }
  return copy ?? values;
}

function mapFields(fields: Record<string, unknown>, map: (value: unknown) => unknown): Record<string, unknown> {
  const keys = Object.keys(fields);
  let copy: [string, unknown][] | undefined = isPlain(fields) ? undefined : [];
  for (let index = 0; index < keys.length; index += 1) {
    const key = keys[index]!;
    const field = fields[key];
    const mapped = field === undefined ? undefined : map(field);
    if (copy === undefined && (field === undefined || mapped !== field)) copy = keys.slice(0, index).map((before) => [before, fields[before]]);
    if (field !== undefined) copy?.push([key, mapped]);
  }
  // From entries: a field may be named __proto__.
  return copy === undefined ? fields : Object.fromEntries(copy);
}

function toPlain(value: unknown): unknown {
  switch (typeof value) {
    case 'bigint':
      return `${value}n`;
    case 'string':
      return escapeString(value);
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError(`JSON cannot carry the number ${value}`);
      return value;
    case 'object':
      if (value === null) return value;
      return Array.isArray(value) ? mapArray(value, toPlain) : mapFields(value as Record<string, unknown>, toPlain);
    default:
      return value;
  }
}

/**
 * JSON tree for a payload with bigint: `12n` becomes the string `"12n"`; a string that looks like one, or begins with `$`,
 * is escaped by a leading `$`. Lossless for JSON values plus bigint; `undefined` fields are dropped. Parts in which nothing
 * changes are the payload's own: the result is for reading.
 */
export function encodePayload(value: unknown): unknown {
  return toPlain(value);
}

/** Inverse of `encodePayload`; parts in which nothing changes are the argument's own. */
export function decodePayload(value: unknown): unknown {
  if (typeof value === 'string') {
    if (isEncodedBigint(value)) return BigInt(value.slice(0, -1));
    return value.startsWith('$') ? value.slice(1) : value;
  }
  if (typeof value !== 'object' || value === null) return value;
  return Array.isArray(value) ? mapArray(value, decodePayload) : mapFields(value as Record<string, unknown>, decodePayload);
}

/** Canonical JSON text: keys sorted by code unit, no spaces, bigint as in `encodePayload`. For hashing and comparing. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(sortKeys(toPlain(value)));
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(
      Object.entries(value)
        .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
        .map(([key, field]) => [key, sortKeys(field)]),
    );
  return value;
}
