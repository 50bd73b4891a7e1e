import type { MessageInitShape } from '@bufbuild/protobuf';
import { type AssignmentSchema, AssignmentStatus, type ReplayManifestSchema, type ScoreSchema, type ScoringSchema, type VerdictSchema, type WorkSchema } from '@skein/contracts/validation';
import type { EvaluationTerms, Manifest } from '../domain/evaluation/evaluation.events.js';
import type { AssignmentStatus as Status } from '../domain/evaluation/evaluation.state.js';
import type { AssignmentRow, EvaluationRow, ScoringRow } from '../projections/validation.queries.js';
import { assignmentName, scoreName, scoringName, verdictName } from './names.js';

const STATUS: Readonly<Record<Status, AssignmentStatus>> = {
  offered: AssignmentStatus.OFFERED,
  accepted: AssignmentStatus.ACCEPTED,
  sealed: AssignmentStatus.SEALED,
  revealed: AssignmentStatus.REVEALED,
  counted: AssignmentStatus.COUNTED,
  failed: AssignmentStatus.FAILED,
  expired: AssignmentStatus.EXPIRED,
};

/** The status of a request's filter; undefined for "all". */
export const statusOf = (wanted: AssignmentStatus): Status | undefined => (Object.keys(STATUS) as Status[]).find((status) => STATUS[status] === wanted);

export function assignmentMessage(row: AssignmentRow): MessageInitShape<typeof AssignmentSchema> {
  return {
    name: assignmentName(row.id),
    task: row.task,
    submission: row.submission,
    submissionOwner: row.owner,
    round: row.round,
    purpose: row.purpose,
    status: STATUS[row.status],
    revealable: row.status === 'sealed' && row.phase === 'revealing',
    managed: row.managed,
    sealDueAtMs: BigInt(row.seal_due_at_ms),
    revealDueAtMs: BigInt(row.reveal_due_at_ms),
    validator: row.validator,
    rule: row.rule,
  };
}

export function workMessage(terms: EvaluationTerms): MessageInitShape<typeof WorkSchema> {
  const { artifactSha256, dataSetSha256, dataSetRows, labelColumn, metric, inputShape, outputShape, millisecondsPerRowMax } = terms;
  return { artifactSha256, dataSetSha256, dataSetRows: BigInt(dataSetRows), labelColumn, metric, inputShape: [...inputShape], outputShape: [...outputShape], millisecondsPerRowMax };
}

const optional = (value: string | null): bigint | undefined => (value === null ? undefined : BigInt(value));

/** `shown`: whether the caller may see exact scores. */
export function verdictMessage(row: EvaluationRow, assignments: readonly AssignmentRow[], shown: boolean): MessageInitShape<typeof VerdictSchema> {
  const decided = row.status === 'agreed' && shown;
  return {
    name: verdictName(row.id),
    task: row.task,
    submission: row.submission,
    scoringId: row.scoring_id,
    round: row.round,
    purpose: row.purpose,
    status: row.status,
    rule: row.rule,
    ...(decided ? { agreedScoreNano: optional(row.agreed_nano), madNano: optional(row.mad_nano), toleranceNano: optional(row.tolerance_nano) } : {}),
    beaconKind: row.beacon_kind,
    beaconValue: row.beacon_value,
    decidedAtMs: BigInt(row.decided_at_ms),
    assignments: assignments.map((assignment) => ({
      assignment: assignmentName(assignment.id),
      validator: assignment.validator,
      status: STATUS[assignment.status],
      stakeUnits: assignment.stake_units,
      rule: assignment.rule,
      ...(shown ? { scoreNano: optional(assignment.score_nano), distanceE18: assignment.distance_e18, shareE18: assignment.share_e18, manifestSha256: assignment.manifest_sha256 } : {}),
    })),
  };
}

export const manifestMessage = (manifest: Manifest): MessageInitShape<typeof ReplayManifestSchema> => ({ ...manifest });

export function scoreMessage(row: AssignmentRow, manifest: Manifest): MessageInitShape<typeof ScoreSchema> {
  return {
    name: scoreName(row.id),
    verdict: verdictName(row.evaluation_id),
    task: row.task,
    submission: row.submission,
    validator: row.validator,
    scoreNano: BigInt(row.score_nano ?? 0),
    manifestSha256: row.manifest_sha256,
    manifest: manifestMessage(manifest),
  };
}

export function scoringMessage(row: ScoringRow): MessageInitShape<typeof ScoringSchema> {
  const { id, task, round, purpose, submissions, decided, yuma } = row;
  return { name: scoringName(id), task, round, purpose, submissions, decided, ...(yuma === null ? {} : { yuma }) };
}
