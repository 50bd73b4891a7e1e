import { type Decider, fold, ok, reject, type Rejection, type Result, toNano, uuidV8From } from '@skein/kernel';
import { candidatesSha256, drawValidators } from './draw.policy.js';
import type { EvaluationCommand, OpenEvaluation, RevealScore } from './evaluation.commands.js';
import type { EvaluationEvent } from './evaluation.events.js';
import { type AssignmentState, evolveEvaluation, type EvaluationState, initialEvaluation } from './evaluation.state.js';
import { sealOf } from './seal.policy.js';
import { verdictOf } from './verdict.policy.js';

type Decision = Result<readonly EvaluationEvent[], Rejection>;

/** The evaluation of one submission in one scoring; a hash, so that the same request always finds the same one. */
export const evaluationIdOf = (scoringId: string, submission: string): string => uuidV8From('evaluation', scoringId, submission);

/** One validator's assignment within an evaluation. */
export const assignmentIdOf = (evaluationId: string, validator: string): string => uuidV8From('assignment', evaluationId, validator);

/** One submission's way through its validators: sealing, revealing, verdict. Stream `evaluation-<id>`. */
export const evaluationDecider: Decider<EvaluationState, EvaluationCommand, EvaluationEvent> = {
  initialState: () => initialEvaluation,
  evolve: evolveEvaluation,
  decide(command, state) {
    const decided = command.kind === 'open' ? open(command, state) : act(command, state);
    return decided.ok ? ok([...decided.value, ...conclusion(fold(evaluationDecider, decided.value, state), command.nowMs)]) : decided;
  },
};

/** The same scoring may be announced again: what is already open stays as it is. */
function open(command: OpenEvaluation, state: EvaluationState): Decision {
  if (state.phase !== 'absent') return ok([]);
  const { terms, candidates, excludedParties, beacon, managed, nowMs } = command;
  const drawn = drawValidators({ beacon: beacon.value, order: terms.order, candidates, excludedParties, count: command.validatorsPerSubmission });
  // Fewer than the quorum can agree on nothing: nobody is asked to work in vain.
  const asked = drawn.length < terms.quorum ? [] : drawn;
  const assignments = asked.map(({ wallet, stakeUnits }) => ({ assignmentId: assignmentIdOf(terms.evaluationId, wallet), validator: wallet, stakeUnits, managed: managed.has(wallet) }));
  return ok([{ type: 'skein.validation.evaluation.opened.v1', data: { ...terms, beacon, candidatesSha256: candidatesSha256(candidates), assignments, atMs: nowMs } }]);
}

function act(command: Exclude<EvaluationCommand, OpenEvaluation>, state: EvaluationState): Decision {
  if (command.kind === 'expire') return expire(command.nowMs, state);
  const assignment = state.assignments.find(({ assignmentId, validator }) => assignmentId === command.assignmentId && validator === command.validator);
  if (assignment === undefined) return reject('not-found', 'assignment', 'there is no such assignment', 'name');
  const of = { evaluationId: state.terms!.evaluationId, assignmentId: assignment.assignmentId, validator: assignment.validator, atMs: command.nowMs };
  switch (command.kind) {
    case 'accept':
      if (assignment.status !== 'offered') return wrongStatus(assignment, 'accepted');
      if (late(state, command.nowMs)) return reject('failed-precondition', 'sealing-closed', 'the time for sealing is up', 'name');
      return ok([{ type: 'skein.validation.assignment.accepted.v1', data: of }]);
    case 'seal':
      if (assignment.status === 'sealed' && assignment.seal === command.seal) return ok([]);
      if (assignment.status !== 'accepted') return wrongStatus(assignment, 'sealed');
      if (late(state, command.nowMs)) return reject('failed-precondition', 'sealing-closed', 'the time for sealing is up', 'name');
      return ok([{ type: 'skein.validation.score.sealed.v1', data: { ...of, seal: command.seal } }]);
    case 'reveal':
      return reveal(command, state, assignment, of);
    case 'fail':
      if (assignment.status !== 'offered' && assignment.status !== 'accepted') return wrongStatus(assignment, 'failed');
      return ok([{ type: 'skein.validation.assignment.failed.v1', data: { ...of, rule: command.rule } }]);
  }
}

const late = ({ phase, terms }: EvaluationState, nowMs: number): boolean => phase !== 'sealing' || nowMs >= terms!.sealDueAtMs;

const wrongStatus = ({ status }: AssignmentState, wanted: string): Decision => reject('failed-precondition', 'assignment-status', `an assignment that is ${status} cannot become ${wanted}`, 'name');

function reveal(command: RevealScore, state: EvaluationState, assignment: AssignmentState, of: { evaluationId: string; assignmentId: string; validator: string; atMs: number }): Decision {
  const { scoreNano, salt, manifest, manifestSha256, nowMs } = command;
  if (assignment.status !== 'sealed') return wrongStatus(assignment, 'revealed');
  if (state.phase === 'sealing') return reject('failed-precondition', 'sealing-open', 'others may still seal: nothing is revealed before', 'name');
  if (nowMs >= state.terms!.revealDueAtMs) return reject('failed-precondition', 'reveal-closed', 'the time for revealing is up', 'name');
  if (BigInt.asIntN(64, scoreNano) !== scoreNano || sealOf(assignment.assignmentId, scoreNano, salt) !== assignment.seal) return reject('invalid-argument', 'seal-mismatch', 'score and salt do not give the seal', 'salt');
  const mismatch = manifestMismatch(command, state);
  if (mismatch !== undefined) return reject('invalid-argument', 'manifest-mismatch', 'the manifest is not of this assignment and score', mismatch);
  return ok([{ type: 'skein.validation.score.revealed.v1', data: { ...of, scoreNano, salt, manifest, manifestSha256 } }]);
}

/** The first field of a manifest that contradicts the assignment or the score. */
function manifestMismatch({ manifest, scoreNano }: RevealScore, { terms }: EvaluationState): string | undefined {
  const { artifactSha256, dataSetSha256, metric } = terms!;
  if (manifest.artifactSha256 !== artifactSha256) return 'manifest.artifact_sha256';
  if (manifest.dataSetSha256 !== dataSetSha256) return 'manifest.data_set_sha256';
  if (manifest.metric !== metric) return 'manifest.metric';
  const result = doubleOf(manifest.resultBits);
  return Number.isFinite(result) && Math.abs(result) < 9e9 && toNano(result) === scoreNano ? undefined : 'manifest.result_bits';
}

function doubleOf(bits: string): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, /^[0-9a-f]{16}$/.test(bits) ? BigInt(`0x${bits}`) : 0x7ff8000000000000n);
  return view.getFloat64(0);
}

/** What is unsealed at the first deadline, or unrevealed at the second, is lost. A timer that comes early changes nothing. */
function expire(nowMs: number, state: EvaluationState): Decision {
  const { phase, terms, assignments } = state;
  if (terms === undefined || phase === 'decided') return ok([]);
  const events: EvaluationEvent[] = [];
  const lapse = (rule: 'not-sealed' | 'not-revealed', statuses: readonly string[]): void => {
    for (const { assignmentId, validator, status } of assignments) {
      if (statuses.includes(status)) events.push({ type: 'skein.validation.assignment.expired.v1', data: { evaluationId: terms.evaluationId, assignmentId, validator, atMs: nowMs, rule } });
    }
  };
  if (phase === 'sealing' && nowMs >= terms.sealDueAtMs) {
    lapse('not-sealed', ['offered', 'accepted']);
    events.push({ type: 'skein.validation.sealing.closed.v1', data: { evaluationId: terms.evaluationId, cause: 'due', atMs: nowMs } });
  }
  if (nowMs >= terms.revealDueAtMs) lapse('not-revealed', ['sealed']);
  return ok(events);
}

/** Phases end as soon as everyone who may act has acted. */
function conclusion(state: EvaluationState, atMs: number): EvaluationEvent[] {
  const waits = (...statuses: string[]): boolean => state.assignments.some(({ status }) => statuses.includes(status));
  if (state.phase === 'absent' || state.phase === 'decided') return [];
  const tooFew = state.assignments.length < state.terms!.quorum;
  if (tooFew) return [verdictOf(state, atMs)];
  if (state.phase === 'sealing' && waits('offered', 'accepted')) return [];
  const closed: EvaluationEvent[] = state.phase === 'sealing' ? [{ type: 'skein.validation.sealing.closed.v1', data: { evaluationId: state.terms!.evaluationId, cause: 'all-sealed', atMs } }] : [];
  return waits('sealed') ? closed : [...closed, verdictOf(state, atMs)];
}
