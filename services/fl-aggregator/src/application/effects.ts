import type { Effect, Recorded } from '@skein/events';
import { nextRound } from '../domain/index.js';
import type { FederationEvent, FederationState, TimedPhase } from '../domain/index.js';

/** Payload of the jobs and timers of a federated task. */
export interface RoundWork {
  readonly taskId: string;
  readonly round: number;
  /** Correlation and id of the event that asked for the work. */
  readonly cause: Cause;
}

/** Where work comes from, for the metadata of what it leads to. */
export interface Cause {
  readonly correlationId: string;
  readonly causationId: string;
  readonly traceparent?: string;
}

/** Payload of a deadline. */
export interface PhaseDeadline extends RoundWork {
  readonly phase: TimedPhase;
}

/** Kinds of jobs and of the one timer. */
export const JOB = { openRound: 'federation-open-round', aggregate: 'federation-aggregate', exportModel: 'federation-export-model' } as const;
export const DEADLINE = 'federation-deadline';

const timerId = (taskId: string): string => `federation-deadline-${taskId}`;

function causeOf({ eventId, metadata: { correlationId, traceparent } }: Recorded<FederationEvent>): Cause {
  return { correlationId, causationId: eventId, ...(traceparent === undefined ? {} : { traceparent }) };
}

// One timer per task: a phase's deadline replaces the one before, so none is left behind when a phase ends early.
function deadline(event: Recorded<FederationEvent>, taskId: string, round: number, phase: TimedPhase, dueAtMs: number): Effect {
  const payload: PhaseDeadline = { taskId, round, phase, cause: causeOf(event) };
  return { timer: { id: timerId(taskId), kind: DEADLINE, dueAtMs, payload } };
}

function job(event: Recorded<FederationEvent>, kind: string, taskId: string, round: number): Effect {
  const payload: RoundWork = { taskId, round, cause: causeOf(event) };
  return { job: { id: `${kind}-${taskId}-${round}`, kind, payload } };
}

function effectsOfOne(event: Recorded<FederationEvent>, state: FederationState): Effect[] {
  const { id } = state;
  switch (event.type) {
    case 'skein.federation.task.approved.v1':
      return [deadline(event, id, 1, 'joining', event.data.joiningDueAtMs)];
    case 'skein.federation.joining.closed.v1':
      return [{ cancelTimer: { id: timerId(id) } }, job(event, JOB.openRound, id, event.data.round)];
    case 'skein.federation.round.opened.v1':
      return [deadline(event, id, event.data.round, 'contributing', event.data.contributingDueAtMs)];
    case 'skein.federation.contributing.closed.v1': {
      const cancel: Effect = { cancelTimer: { id: timerId(id) } };
      return state.round?.phase === 'aggregating' ? [cancel, job(event, JOB.aggregate, id, event.data.round)] : [cancel];
    }
    case 'skein.federation.round.aggregated.v1':
      return [deadline(event, id, event.data.round, 'committing', event.data.committingDueAtMs)];
    case 'skein.federation.revealing.opened.v1':
      return [deadline(event, id, event.data.round, 'revealing', event.data.revealingDueAtMs)];
    case 'skein.federation.deadline.extended.v1':
      return [deadline(event, id, event.data.round, event.data.phase, event.data.dueAtMs)];
    case 'skein.federation.round.settled.v1':
      return [{ cancelTimer: { id: timerId(id) } }, ...(state.phase === 'roles' ? [job(event, JOB.openRound, id, nextRound(state))] : [])];
    case 'skein.federation.round.voided.v1':
      if (state.phase === 'joining') return [deadline(event, id, nextRound(state), 'joining', state.joiningDueAtMs)];
      return [{ cancelTimer: { id: timerId(id) } }, ...(state.phase === 'roles' ? [job(event, JOB.openRound, id, nextRound(state))] : [])];
    case 'skein.federation.task.finished.v1':
      return [{ cancelTimer: { id: timerId(id) } }, job(event, JOB.exportModel, id, event.data.rounds)];
    default:
      return [];
  }
}

const timerOf = (effect: Effect): string | undefined =>
  'timer' in effect ? effect.timer.id : 'cancelTimer' in effect ? effect.cancelTimer.id : undefined;

/**
 * Jobs and timers that the events ask for; `state` is the one after all of them. Of several words about one timer only the
 * last counts: an earlier "set" after a later "cancel" would fire into a phase that is over.
 */
export function effectsOf(events: readonly Recorded<FederationEvent>[], state: FederationState): Effect[] {
  const all = events.flatMap((event) => effectsOfOne(event, state));
  return all.filter((effect, at) => {
    const id = timerOf(effect);
    return id === undefined || !all.slice(at + 1).some((later) => timerOf(later) === id);
  });
}
