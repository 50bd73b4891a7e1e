import type { Rejection, Result } from './result.js';

/** A domain event before it is recorded: `type` is `skein.<context>.<noun>.<past-tense>.v1`, `data` is JSON plus bigint. */
export interface DomainEvent<Type extends string = string, Data = unknown> {
  readonly type: Type;
  readonly data: Data;
}

/**
 * How a state is kept beside a long stream, so that a cold start need not fold all of it. A kept state is a copy and no more:
 * one of another `version` is not looked at, one that `decode` throws on is thrown away, and all is folded again.
 */
export interface SnapshotCodec<State> {
  /** Tells the states of several deciders over one stream apart. */
  readonly name: string;
  /** From 1; raise it whenever the state's shape or `evolve` changes. */
  readonly version: number;
  /** A state is kept each time the stream has grown by so many events. */
  readonly every: number;
  /** JSON plus bigint. */
  encode(state: State): unknown;
  decode(kept: unknown): State;
}

/**
 * A pure decision maker over one stream. `decide` and `evolve` are synchronous and total; time, ids and randomness come
 * in with the command.
 */
export interface Decider<State, Command, Event extends DomainEvent> {
  initialState(): State;
  decide(command: Command, state: State): Result<readonly Event[], Rejection>;
  evolve(state: State, event: Event): State;
  /** Only for streams that grow to thousands of events. */
  readonly snapshot?: SnapshotCodec<State>;
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
