import { ok, type Decider, type DomainEvent } from '@skein/kernel';

/** Decides on several commands in a row as one: each on the state that those before it lead to; one refusal refuses all. */
export const several = <S, C, E extends DomainEvent>(one: Decider<S, C, E>): Decider<S, readonly C[], E> => ({
  ...one,
  decide(commands, state) {
    const events: E[] = [];
    let now = state;
    for (const command of commands) {
      const decided = one.decide(command, now);
      if (!decided.ok) return decided;
      events.push(...decided.value);
      now = decided.value.reduce((before, event) => one.evolve(before, event), now);
    }
    return ok(events);
  },
});
