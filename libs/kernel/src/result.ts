/** Outcome of something that may be refused. A business refusal is a value; only broken infrastructure throws. */
export type Result<T, E = Rejection> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E };

/** Why a command was refused: the closed set that every transport maps from (one table in `platform`). */
export type RejectionCode =
  | 'invalid-argument'
  | 'not-found'
  | 'already-exists'
  | 'conflict'
  | 'failed-precondition'
  | 'unauthenticated'
  | 'permission-denied'
  | 'payment-required'
  | 'resource-exhausted'
  | 'unavailable'
  | 'deadline-exceeded'
  | 'internal';

/**
 * A refusal. `field` names the input that is wrong (path with dots, empty when none is), `rule` is the kebab-case
 * name of the rule it broke, `message` is a sentence for a person. Refusals change nothing.
 */
export interface Rejection {
  readonly code: RejectionCode;
  readonly rule: string;
  readonly message: string;
  readonly field?: string;
  readonly retriable?: boolean;
  /** Of a refusal for want of capacity: trying again before so many milliseconds have passed is of no use. */
  readonly retryAfterMs?: number;
}

/** Wraps a value as a success. */
export const ok = <T>(value: T): Result<T, never> => ({ ok: true, value });

/** Wraps an error as a failure. */
export const err = <E>(error: E): Result<never, E> => ({ ok: false, error });

/** Makes a refusal in one line. */
export const reject = (code: RejectionCode, rule: string, message: string, field?: string): Result<never, Rejection> =>
  err(field === undefined ? { code, rule, message } : { code, rule, message, field });

/** A refusal that has to travel as an exception through code that knows no `Result` (transports turn it back). */
export class RejectionError extends Error {
  readonly rejection: Rejection;
  constructor(rejection: Rejection) {
    super(rejection.message);
    this.name = 'RejectionError';
    this.rejection = rejection;
  }
}

/** The value, or a thrown `RejectionError`. */
export function unwrap<T>(result: Result<T, Rejection>): T {
  if (!result.ok) throw new RejectionError(result.error);
  return result.value;
}
