import { assert } from '@skein/kernel';
import { agree } from './consensus.policy.js';
import type { MissedAssignment, VerdictAgreed, VerdictFailed } from './evaluation.events.js';
import type { EvaluationState } from './evaluation.state.js';

/** Rules of failures that say nothing about the model. */
const PLATFORM_RULES: ReadonlySet<string> = new Set(['gave-up', 'runner-start', 'runner-died', 'unavailable']);

/** The verdict over whatever has been revealed. */
export function verdictOf(state: EvaluationState, atMs: number): VerdictAgreed | VerdictFailed {
  const { terms, beacon, assignments } = state;
  assert(terms !== undefined && beacon !== undefined, 'a verdict is over an evaluation that was opened');
  const { evaluationId, scoringId, task, submission, round, purpose, consensus } = terms;
  const base = { evaluationId, scoringId, task, submission, round, purpose, missed: missedOf(state), beacon, atMs };
  const revealed = assignments.filter(({ status }) => status === 'revealed');
  if (revealed.length < terms.quorum) return { type: 'skein.validation.verdict.failed.v1', data: { ...base, ...failure(state) } };
  const agreement = agree(
    revealed.map(({ scoreNano, stakeUnits }) => ({ scoreNano: scoreNano!, stakeUnits })),
    terms,
  );
  const scores = revealed.map(({ assignmentId, validator, stakeUnits, scoreNano, manifestSha256 }, index) => ({
    assignmentId,
    validator,
    stakeUnits,
    scoreNano: scoreNano!,
    distanceE18: agreement.distancesE18[index]!,
    shareE18: agreement.sharesE18[index]!,
    manifestSha256: manifestSha256!,
  }));
  const { agreedNano, madNano, toleranceNano } = agreement;
  return { type: 'skein.validation.verdict.agreed.v1', data: { ...base, consensus, agreedNano, madNano, toleranceNano, scores } };
}

const missedOf = ({ assignments }: EvaluationState): MissedAssignment[] =>
  assignments.flatMap(({ assignmentId, validator, stakeUnits, status, rule }) => (status === 'failed' || status === 'expired' ? [{ assignmentId, validator, stakeUnits, status, rule: rule! }] : []));

/** A quorum that saw the model break blames the model, by the rule seen most (ties: first by name). */
function failure({ assignments, terms }: EvaluationState): { rule: string; modelAtFault: boolean } {
  const { quorum } = terms!;
  if (assignments.length < quorum) return { rule: 'too-few-validators', modelAtFault: false };
  const rules = new Map<string, number>();
  for (const { status, rule } of assignments) if (status === 'failed' && !PLATFORM_RULES.has(rule!)) rules.set(rule!, (rules.get(rule!) ?? 0) + 1);
  const blamed = [...rules.values()].reduce((total, count) => total + count, 0);
  if (blamed < quorum) return { rule: 'quorum-missed', modelAtFault: false };
  const [rule] = [...rules].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))[0]!;
  return { rule, modelAtFault: true };
}
