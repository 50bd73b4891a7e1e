import type { Rejection, Result } from './result.js';

/** A domain event before it is recorded: `type` is `skein.<context>.<noun>.<past-tense>.v1`, `data` is JSON plus bigint. */
export interface DomainEvent<Type extends string = string, Data = unknown> {
  readonly type: Type;
  readonly data: Data;
}

/**
 * A pure decision maker over one stream. `decide` and `evolve` are synchronous and total; time, ids and randomness come
 * in with the command.
 */
export interface Decider<State, Command, Event extends DomainEvent> {
  initialState(): State;
  decide(command: Command, state: State): Result<readonly Event[], Rejection>;
  evolve(state: State, event: Event): State;
}

/** Folds events into a state, from `initialState()` unless another state is given. */
export function fold<State, Event extends DomainEvent>(
  decider: Pick<Decider<State, never, Event>, 'initialState' | 'evolve'>,
  events: Iterable<Event>,
  from: State = decider.initialState(),
): State {
  let state = from;
  for (const event of events) state = decider.evolve(state, event);
  return state;
}
