import { isRetriable } from '@skein/events';
import { RejectionError, type Rejection } from '@skein/kernel';
import { ERROR_TABLE } from './table.js';

/** Any thrown value as a refusal. What is not a refusal is told apart by `unexpected`; its text never leaves the process. */
export function normaliseError(error: unknown): { error: RejectionError; unexpected: boolean } {
  // A code outside the table (a cast, another version of a library) must not break the way errors are answered.
  if (error instanceof RejectionError && error.rejection.code in ERROR_TABLE) return { error, unexpected: false };
  const rejection: Rejection = isRetriable(error)
    ? { code: 'unavailable', rule: 'infrastructure', message: 'a part of the service is not available, try again', retriable: true }
    : { code: 'internal', rule: 'internal', message: 'internal error' };
  return { error: new RejectionError(rejection), unexpected: true };
}
