const SECRET_KEY = /authorization|cookie|password|passphrase|secret|mnemonic|private_?key|api_?key|(^|_)token$|^seed$|beacon_?seed/i;
const SECRET_KEY_CAMEL = /[a-z]Token$/;
const CENSOR = '[redacted]';
const DEPTH_MAX = 6;

/** Credentials recognisable by their form: bearer headers, API and operator keys, passwords in connection strings. */
const SECRET_FORMS: readonly [RegExp, string][] = [
  [/\bBearer\s+[^\s"\\]+/gi, `Bearer ${CENSOR}`],
  [/\b(sk|op)_[A-Za-z0-9]{4,}(_[A-Za-z0-9-]+)*/g, CENSOR],
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@"\\]+):[^\s@/"\\]+@/gi, `$1:${CENSOR}@`],
];

/** Fields of PostgreSQL's errors that quote rows ("Failing row contains (…)"), statements and their parameters. */
const QUOTES_ROWS = ['detail', 'where', 'hint', 'internalQuery', 'query', 'parameters'];

function redactError(error: Error, depth: number): object {
  const { name, message, stack, ...fields } = error;
  const rest = Object.fromEntries(Object.entries(fields).filter(([field]) => !QUOTES_ROWS.includes(field)));
  const cause = error.cause === undefined ? {} : { cause: redactFields(error.cause, depth + 1) };
  const code = 'code' in error ? { code: error.code } : {};
  return { ...(redactFields(rest, depth + 1) as object), type: name, message, stack, ...code, ...cause };
}

/**
 * A copy fit for JSON: fields with a secret's name are censored at any depth, bigint becomes a string, bytes become their
 * length, errors keep name, message, code, stack and cause.
 */
export function redactFields(value: unknown, depth = 0): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value === null || typeof value !== 'object') return value;
  if (depth > DEPTH_MAX) return '[deep]';
  if (value instanceof Error) return redactError(value, depth);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map((item) => redactFields(item, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, isSecret(key) ? CENSOR : redactFields(field, depth + 1)]));
}

const isSecret = (key: string): boolean => SECRET_KEY.test(key) || SECRET_KEY_CAMEL.test(key);

/** A log line without recognisable credentials and without any of the given secret values. */
export function redactLine(line: string, secrets: readonly string[] = []): string {
  let clean = line;
  for (const secret of secrets) clean = clean.replaceAll(secret, CENSOR);
  for (const [form, censored] of SECRET_FORMS) clean = clean.replace(form, censored);
  return clean;
}
