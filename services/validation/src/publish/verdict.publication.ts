import { VerdictAgreedSchema, VerdictFailedSchema } from '@skein/contracts/validation';
import type { Recorded, RecordedEvent } from '@skein/events';
import { type Publication, publicMessage, type PublicMessage } from '@skein/messaging';
import type { MissedAssignment, VerdictAgreed, VerdictFailed } from '../domain/evaluation/evaluation.events.js';
import { assignmentName, verdictName } from '../interface/names.js';

const TOPIC = 'validation.verdict.v1';

const missedOf = (missed: readonly MissedAssignment[]) =>
  missed.map(({ assignmentId, validator, stakeUnits, status, rule }) => ({ assignment: assignmentName(assignmentId), validator, stakeUnits: stakeUnits.toString(), status, rule }));

function messageOf(event: Recorded<VerdictAgreed | VerdictFailed>): PublicMessage {
  const { evaluationId, scoringId, task, submission, round, purpose, missed, beacon, atMs } = event.data;
  const shared = { verdict: verdictName(evaluationId), scoringId, task, submission, round, purpose, missed: missedOf(missed), beacon: { ...beacon }, decidedAtMs: BigInt(atMs) };
  if (event.type === 'skein.validation.verdict.failed.v1') {
    const { rule, modelAtFault } = event.data;
    return publicMessage({ event: event as RecordedEvent, topic: TOPIC, schema: VerdictFailedSchema, message: { ...shared, rule, modelAtFault } });
  }
  const { consensus, agreedNano, madNano, toleranceNano } = event.data;
  const scores = event.data.scores.map(({ assignmentId, validator, stakeUnits, scoreNano, distanceE18, shareE18, manifestSha256 }) => ({
    assignment: assignmentName(assignmentId),
    validator,
    stakeUnits: stakeUnits.toString(),
    scoreNano,
    distanceE18: distanceE18.toString(),
    shareE18: shareE18.toString(),
    manifestSha256,
  }));
  const message = { ...shared, consensus, agreedScoreNano: agreedNano, madNano, toleranceNano, scores };
  return publicMessage({ event: event as RecordedEvent, topic: TOPIC, schema: VerdictAgreedSchema, message });
}

/** What the rest of Skein learns of validation: verdicts. Single scores stay private until there is one. */
export const verdictPublication: Publication = {
  name: 'verdicts',
  topic: TOPIC,
  types: ['skein.validation.verdict.agreed.v1', 'skein.validation.verdict.failed.v1'],
  map: (event) => messageOf(event as Recorded<VerdictAgreed | VerdictFailed>),
};
