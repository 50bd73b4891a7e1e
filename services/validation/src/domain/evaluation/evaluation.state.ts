import type { BeaconValue, EvaluationEvent, EvaluationTerms, Manifest } from './evaluation.events.js';

export type AssignmentStatus = 'offered' | 'accepted' | 'sealed' | 'revealed' | 'counted' | 'failed' | 'expired';

export interface AssignmentState {
  readonly assignmentId: string;
  readonly validator: string;
  readonly stakeUnits: bigint;
  readonly managed: boolean;
  readonly status: AssignmentStatus;
  readonly seal?: string;
  readonly scoreNano?: bigint;
  readonly manifest?: Manifest;
  readonly manifestSha256?: string;
  readonly rule?: string;
}

/** `sealing → revealing → decided`; `absent` before it was opened. */
export type EvaluationPhase = 'absent' | 'sealing' | 'revealing' | 'decided';

export interface EvaluationState {
  readonly phase: EvaluationPhase;
  readonly terms: EvaluationTerms | undefined;
  readonly beacon: BeaconValue | undefined;
  /** Sorted by wallet. */
  readonly assignments: readonly AssignmentState[];
}

export const initialEvaluation: EvaluationState = { phase: 'absent', terms: undefined, beacon: undefined, assignments: [] };

const change = (state: EvaluationState, assignmentId: string, fields: Partial<AssignmentState>): EvaluationState => ({
  ...state,
  assignments: state.assignments.map((assignment) => (assignment.assignmentId === assignmentId ? { ...assignment, ...fields } : assignment)),
});

export function evolveEvaluation(state: EvaluationState, event: EvaluationEvent): EvaluationState {
  switch (event.type) {
    case 'skein.validation.evaluation.opened.v1': {
      const { beacon, candidatesSha256: _, assignments, atMs: __, ...terms } = event.data;
      return { phase: 'sealing', terms, beacon, assignments: assignments.map((drawn) => ({ ...drawn, status: 'offered' })) };
    }
    case 'skein.validation.assignment.accepted.v1':
      return change(state, event.data.assignmentId, { status: 'accepted' });
    case 'skein.validation.score.sealed.v1':
      return change(state, event.data.assignmentId, { status: 'sealed', seal: event.data.seal });
    case 'skein.validation.sealing.closed.v1':
      return { ...state, phase: 'revealing' };
    case 'skein.validation.score.revealed.v1': {
      const { assignmentId, scoreNano, manifest, manifestSha256 } = event.data;
      return change(state, assignmentId, { status: 'revealed', scoreNano, manifest, manifestSha256 });
    }
    case 'skein.validation.assignment.failed.v1':
      return change(state, event.data.assignmentId, { status: 'failed', rule: event.data.rule });
    case 'skein.validation.assignment.expired.v1':
      return change(state, event.data.assignmentId, { status: 'expired', rule: event.data.rule });
    case 'skein.validation.verdict.agreed.v1': {
      const counted = new Set(event.data.scores.map(({ assignmentId }) => assignmentId));
      return { ...state, phase: 'decided', assignments: state.assignments.map((assignment) => (counted.has(assignment.assignmentId) ? { ...assignment, status: 'counted' } : assignment)) };
    }
    case 'skein.validation.verdict.failed.v1':
      return { ...state, phase: 'decided' };
  }
}
