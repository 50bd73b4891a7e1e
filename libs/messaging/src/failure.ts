import { isTransient } from '@skein/events';
import { RejectionError, type Rejection } from '@skein/kernel';

/** gRPC ABORTED, UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED. */
const GRPC_RETRIABLE = new Set([10, 14, 4, 8]);
const REJECTION_RETRIABLE = new Set<Rejection['code']>(['unavailable', 'deadline-exceeded']);

/** Whether trying again later can help: broken infrastructure, or a refusal that says so. Follows causes. */
export function isRetriable(error: unknown): boolean {
  if (error instanceof RejectionError) return error.rejection.retriable ?? REJECTION_RETRIABLE.has(error.rejection.code);
  if (error instanceof AggregateError && error.errors.length > 0 && error.errors.every(isRetriable)) return true;
  if (!(error instanceof Error)) return false;
  if ('retriable' in error && typeof error.retriable === 'boolean') return error.retriable;
  const code = 'code' in error ? error.code : undefined;
  if (typeof code === 'number' && GRPC_RETRIABLE.has(code)) return true;
  return isTransient(error) || (error.cause !== undefined && isRetriable(error.cause));
}

/** A handler's returned `Result` that is not ok, as an error; undefined for anything else. */
export function refusalOf(returned: unknown): RejectionError | undefined {
  if (returned === null || typeof returned !== 'object' || !('ok' in returned) || returned.ok !== false || !('error' in returned)) return undefined;
  return new RejectionError(returned.error as Rejection);
}

const REASON_LENGTH_MAX = 500;

/** One line about anything that was thrown, even what cannot be turned into text. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : typeof error === 'object' && error !== null ? 'a thrown object' : String(error);
  return text.slice(0, REASON_LENGTH_MAX);
}
