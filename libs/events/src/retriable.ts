import { RejectionError, type Rejection } from '@skein/kernel';
import { isTransient } from './transaction.js';

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
