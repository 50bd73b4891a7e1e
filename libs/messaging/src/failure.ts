import { RejectionError, type Rejection } from '@skein/kernel';

export { isRetriable } from '@skein/events';

/** SQLSTATE classes by which PostgreSQL refuses the values themselves: what they are, a constraint, a limit of the server. */
const REFUSED_VALUES = /^(22|23|54)[0-9A-Z]{3}$/;

/** Whether a statement failed for what was to be stored, so that neither time nor a healthy database would let it pass. */
export const isRefusedValue = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && REFUSED_VALUES.test(error.code);

/** A handler's returned `Result` that is not ok, as an error; undefined for anything else. */
export function refusalOf(returned: unknown): RejectionError | undefined {
  if (returned === null || typeof returned !== 'object' || !('ok' in returned) || returned.ok !== false || !('error' in returned)) return undefined;
  return new RejectionError(returned.error as Rejection);
}

const REASON_LENGTH_MAX = 500;

/** One line about anything that was thrown, even what cannot be turned into text. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : typeof error === 'object' && error !== null ? 'a thrown object' : String(error);
  // PostgreSQL keeps no NUL in text, and a message whose reason cannot be kept would be tried for ever.
  return text.slice(0, REASON_LENGTH_MAX).replaceAll('\0', '\uFFFD');
}
