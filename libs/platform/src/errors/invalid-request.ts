import { RejectionError } from '@skein/kernel';

/** One thing wrong with a request: path of the field (proto names, dots, `[index]`), rule, sentence. */
export interface Violation {
  readonly field: string;
  readonly rule: string;
  readonly message: string;
}

/** A request with one or more violations; the first is the rejection's own field and rule. */
export class InvalidRequestError extends RejectionError {
  readonly violations: readonly Violation[];
  constructor(violations: readonly Violation[]) {
    const first = violations[0] ?? { field: '', rule: 'malformed', message: 'the request cannot be read' };
    super({ code: 'invalid-argument', rule: first.rule, message: first.message, field: first.field });
    this.name = 'InvalidRequestError';
    this.violations = violations.length > 0 ? violations : [first];
  }
}

/** Throws when there is something wrong. */
export function refuseViolations(violations: readonly Violation[]): void {
  if (violations.length > 0) throw new InvalidRequestError(violations);
}

/** Violations of any refusal: a field that is named counts as one. */
export function violationsOf(error: RejectionError): readonly Violation[] {
  if (error instanceof InvalidRequestError) return error.violations;
  const { field, rule, message } = error.rejection;
  return field === undefined || field === '' ? [] : [{ field, rule, message }];
}
