import { fold, type Decider, type DomainEvent, type Rejection } from '@skein/kernel';
import { expect } from 'vitest';

/** Last step of a given-when-then: what the command must lead to. */
export interface Then<S, E extends DomainEvent> {
  /** Exactly these events. */
  then(...events: E[]): void;
  /** A refusal with at least these fields. */
  thenRejected(expected: Partial<Rejection>): void;
  /** Whatever the assertion says about the events and the state after them. */
  thenState(assertion: (state: S, events: readonly E[]) => void): void;
}

/** Second step: the command. */
export interface When<S, C, E extends DomainEvent> {
  when(command: C): Then<S, E>;
}

/** Given-when-then over a decider: `specOf(decider).given(...events).when(command).then(...events)`. */
export function specOf<S, C, E extends DomainEvent>(decider: Decider<S, C, E>): { given(...events: E[]): When<S, C, E> } {
  return {
    given: (...events) => ({
      when: (command) => {
        const before = fold(decider, events);
        const decided = decider.decide(command, before);
        const accepted = (): readonly E[] => {
          expect(decided).toMatchObject({ ok: true });
          return decided.ok ? decided.value : [];
        };
        return {
          then: (...expected) => expect(accepted()).toEqual(expected),
          thenRejected: (expected) => expect(decided).toMatchObject({ ok: false, error: expected }),
          thenState: (assertion) => {
            const happened = accepted();
            assertion(fold(decider, happened, before), happened);
          },
        };
      },
    }),
  };
}
