import { RejectionError, type Rejection } from '@skein/kernel';

/** gRPC ABORTED, UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED. */
const GRPC_RETRIABLE = new Set([10, 14, 4, 8]);
const NETWORK = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOSPC', 'EMFILE']);
/** PostgreSQL: connection lost, resources used up, server stopping or starting, serialisation, deadlock, lock or statement timeout, read-only standby. */
const SQLSTATE = /^(08...|53...|57P0[1-5]|57014|40001|40P01|55P03|25006)$/;
const PG_CLIENT = /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|Query read timeout|Cannot use a pool after calling end/i;
const REJECTION_RETRIABLE = new Set<Rejection['code']>(['unavailable', 'deadline-exceeded']);

/** Whether trying again later can help: broken infrastructure, or a refusal that says so. Follows causes. */
export function isRetriable(error: unknown): boolean {
  if (error instanceof RejectionError) return error.rejection.retriable ?? REJECTION_RETRIABLE.has(error.rejection.code);
  if (error instanceof AggregateError && error.errors.length > 0 && error.errors.every(isRetriable)) return true;
  if (!(error instanceof Error)) return false;
  if ('retriable' in error && typeof error.retriable === 'boolean') return error.retriable;
  const code = 'code' in error ? error.code : undefined;
  if (typeof code === 'number' && GRPC_RETRIABLE.has(code)) return true;
  if (typeof code === 'string' && (NETWORK.has(code) || SQLSTATE.test(code))) return true;
  return PG_CLIENT.test(error.message) || (error.cause !== undefined && isRetriable(error.cause));
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
