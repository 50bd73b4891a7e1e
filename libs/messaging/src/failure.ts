import { RejectionError, type Rejection } from '@skein/kernel';

export { isRetriable } from '@skein/events';

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
