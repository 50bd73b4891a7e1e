import type { Effect, EventMetadata, RecordedEvent } from '@skein/events';

/** Kinds of durable timers. */
export const TIMER = {
  stakingDue: 'arena.staking-due',
  epochDue: 'arena.epoch-due',
  challengeDue: 'arena.challenge-due',
  commitsDue: 'arena.commits-due',
  revealsDue: 'arena.reveals-due',
  appealDue: 'arena.appeal-due',
} as const;

export type TimerKind = (typeof TIMER)[keyof typeof TIMER];

/** What a timer or job carries so that the path of a submission stays whole. */
export interface CausedBy {
  readonly taskId: string;
  readonly epoch: number;
  readonly correlationId: string;
  readonly causationId: string;
  readonly traceparent?: string;
}

const ACTOR = 'service:arena';

type Cause = Pick<RecordedEvent, 'eventId' | 'metadata'>;

/** Metadata of what follows from an event. */
export function follows({ eventId, metadata }: Cause): EventMetadata {
  const { correlationId, traceparent } = metadata;
  return { correlationId, causationId: eventId, actor: ACTOR, ...(traceparent === undefined ? {} : { traceparent }) };
}

export const causedBy = (taskId: string, epoch: number, { eventId, metadata }: Cause): CausedBy => ({
  taskId,
  epoch,
  correlationId: metadata.correlationId,
  causationId: eventId,
  ...(metadata.traceparent === undefined ? {} : { traceparent: metadata.traceparent }),
});

export function metadataOf({ correlationId, causationId, traceparent }: CausedBy): EventMetadata {
  return { correlationId, causationId, actor: ACTOR, ...(traceparent === undefined ? {} : { traceparent }) };
}

export const timerPayload = <T extends CausedBy = CausedBy>(payload: unknown): T => payload as T;

export const taskTimer = (kind: TimerKind, taskId: string, dueAtMs: number, cause: Cause): Effect => ({
  timer: { id: `${kind}/${taskId}`, kind, dueAtMs, payload: causedBy(taskId, 0, cause) },
});

export const epochTimer = (kind: TimerKind, taskId: string, epoch: number, dueAtMs: number, cause: Cause): Effect => ({
  timer: { id: `${kind}/${taskId}/${epoch}`, kind, dueAtMs, payload: causedBy(taskId, epoch, cause) },
});

/** The end of a case's time to appeal. */
export const caseTimer = ({ caseId, taskId }: { readonly caseId: string; readonly taskId: string }, dueAtMs: number, cause: Cause): Effect => ({
  timer: { id: `${TIMER.appealDue}/${caseId}`, kind: TIMER.appealDue, dueAtMs, payload: { ...causedBy(taskId, 0, cause), caseId } },
});

export const cancelCaseTimer = (caseId: string): Effect => ({ cancelTimer: { id: `${TIMER.appealDue}/${caseId}` } });

export const cancelEpochTimer = (kind: TimerKind, taskId: string, epoch: number): Effect => ({ cancelTimer: { id: `${kind}/${taskId}/${epoch}` } });
