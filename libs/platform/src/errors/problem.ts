import type { RejectionError } from '@skein/kernel';
import { violationsOf, type Violation } from './invalid-request.js';
import { ERROR_TABLE, httpStatusOf, isRetriable } from './table.js';

/** RFC 9457 problem as every REST error answers it. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly rule: string;
  readonly field?: string;
  readonly retriable: boolean;
  /** Trying again sooner is of no use; `Retry-After` says the same in whole seconds. */
  readonly retryAfterMs?: number;
  readonly correlationId: string;
  readonly errors?: readonly Violation[];
}

/** Media type of a problem. */
export const PROBLEM_TYPE = 'application/problem+json';

/** Value of `Retry-After` in whole seconds, for a refusal that says when to try again. */
export const retryAfterSeconds = ({ rejection }: RejectionError): string | undefined => (rejection.retryAfterMs === undefined ? undefined : String(Math.ceil(rejection.retryAfterMs / 1_000)));

/** The refusal as a problem. */
export function toProblem(error: RejectionError, correlationId: string): Problem {
  const { rejection } = error;
  const violations = violationsOf(error);
  return {
    type: `urn:skein:error:${rejection.code}:${rejection.rule}`,
    title: ERROR_TABLE[rejection.code].title,
    status: httpStatusOf(rejection),
    detail: rejection.message,
    code: rejection.code,
    rule: rejection.rule,
    ...(rejection.field === undefined || rejection.field === '' ? {} : { field: rejection.field }),
    retriable: isRetriable(rejection),
    ...(rejection.retryAfterMs === undefined ? {} : { retryAfterMs: rejection.retryAfterMs }),
    correlationId,
    ...(violations.length > 1 ? { errors: violations } : {}),
  };
}
