/** An invariant of our own code is broken: a defect, never a caller's mistake (those are refusals). */
export class InvariantError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'InvariantError';
  }
}

/** Throws `InvariantError` unless the condition holds. For invariants only; bad input is refused with `reject`. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(`invariant broken: ${message}`);
}
