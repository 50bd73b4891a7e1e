import type { Effect, EventMetadata, Recorded } from '@skein/events';
import type { EvaluationEvent } from '../domain/evaluation/evaluation.events.js';
import type { EvaluationState } from '../domain/evaluation/evaluation.state.js';

/** Kinds of jobs and timers. */
export const JOB = { evaluate: 'validation.evaluate', reveal: 'validation.reveal' } as const;
export const DUE = 'validation.due';

/** Where work comes from: so that one trace runs from the request to the verdict. */
export type Cause = Pick<EventMetadata, 'correlationId' | 'causationId' | 'traceparent'>;

/** One managed assignment to work on. */
export interface AssignmentWork {
  readonly evaluationId: string;
  readonly assignmentId: string;
  readonly validator: string;
  readonly cause: Cause;
  /** Tasks take turns. */
  readonly tenant: string;
  /** After this the result counts no more. */
  readonly deadlineMs: number;
}

/** A deadline of an evaluation. */
export interface EvaluationDue {
  readonly evaluationId: string;
  readonly cause: Cause;
}

const causeOf = ({ eventId, metadata }: Recorded<EvaluationEvent>): Cause => ({
  correlationId: metadata.correlationId,
  causationId: eventId,
  ...(metadata.traceparent === undefined ? {} : { traceparent: metadata.traceparent }),
});

const timerIds = (evaluationId: string): readonly [string, string] => [`${evaluationId}/seal`, `${evaluationId}/reveal`];

/** Jobs and timers that the events of an evaluation ask for, written in the same transaction. */
export const effectsOf = (events: readonly Recorded<EvaluationEvent>[], state: EvaluationState): Effect[] => events.flatMap((event) => effectsOfOne(event, state));

function effectsOfOne(event: Recorded<EvaluationEvent>, state: EvaluationState): Effect[] {
  const { evaluationId } = event.data;
  const [sealTimer, revealTimer] = timerIds(evaluationId);
  const cause = causeOf(event);
  switch (event.type) {
    case 'skein.validation.evaluation.opened.v1': {
      const payload: EvaluationDue = { evaluationId, cause };
      const { sealDueAtMs, revealDueAtMs, assignments, task } = event.data;
      return [
        { timer: { id: sealTimer, kind: DUE, dueAtMs: sealDueAtMs, payload } },
        { timer: { id: revealTimer, kind: DUE, dueAtMs: revealDueAtMs, payload } },
        ...assignments.filter(({ managed }) => managed).map(({ assignmentId, validator }) => jobOf(JOB.evaluate, { evaluationId, assignmentId, validator, cause, tenant: task, deadlineMs: sealDueAtMs })),
      ];
    }
    case 'skein.validation.sealing.closed.v1': {
      const ripe = state.assignments.filter(({ managed, status }) => managed && status === 'sealed');
      const { task, revealDueAtMs } = state.terms!;
      return [{ cancelTimer: { id: sealTimer } }, ...ripe.map(({ assignmentId, validator }) => jobOf(JOB.reveal, { evaluationId, assignmentId, validator, cause, tenant: task, deadlineMs: revealDueAtMs }))];
    }
    case 'skein.validation.verdict.agreed.v1':
    case 'skein.validation.verdict.failed.v1':
      return [{ cancelTimer: { id: sealTimer } }, { cancelTimer: { id: revealTimer } }];
    default:
      return [];
  }
}

const jobOf = (kind: string, payload: AssignmentWork): Effect => ({ job: { id: `${kind}/${payload.assignmentId}`, kind, payload } });
