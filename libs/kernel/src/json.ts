const BIGINT = /^-?\d+n$/;

const escapeString = (text: string): string => (text.startsWith('$') || BIGINT.test(text) ? `$${text}` : text);

function toPlain(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'string') return escapeString(value);
  if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError(`JSON cannot carry the number ${value}`);
  if (Array.isArray(value)) return value.map(toPlain);
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, field]) => field !== undefined)
        .map(([key, field]) => [key, toPlain(field)]),
    );
  return value;
}

/**
 * JSON tree for a payload with bigint: `12n` becomes the string `"12n"`; a string that looks like one, or begins with `$`,
 * is escaped by a leading `$`. Lossless for JSON values plus bigint; `undefined` fields are dropped.
 */
export function encodePayload(value: unknown): unknown {
  return toPlain(value);
}

/** Inverse of `encodePayload`. */
export function decodePayload(value: unknown): unknown {
  if (typeof value === 'string') {
    if (BIGINT.test(value)) return BigInt(value.slice(0, -1));
    return value.startsWith('$') ? value.slice(1) : value;
  }
  if (Array.isArray(value)) return value.map(decodePayload);
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, decodePayload(field)]));
  return value;
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
