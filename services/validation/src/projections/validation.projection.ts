import type { Projection, Recorded, RecordedEvent, Tx } from '@skein/events';
import type { EvaluationEvent, EvaluationOpened, VerdictAgreed } from '../domain/evaluation/evaluation.events.js';
import type { ScoringEvent } from '../domain/scoring/scoring.decider.js';

/** Name of the projection, its schema and its subscription. */
export const VALIDATION = 'validation';

const TABLES = `
CREATE TABLE evaluation (
  id uuid PRIMARY KEY,
  scoring_id uuid NOT NULL,
  task text NOT NULL,
  submission text NOT NULL,
  owner text NOT NULL,
  round integer NOT NULL,
  purpose text NOT NULL,
  phase text NOT NULL,
  status text NOT NULL,
  rule text NOT NULL DEFAULT '',
  agreed_nano bigint,
  mad_nano bigint,
  tolerance_nano bigint,
  beacon_kind text NOT NULL,
  beacon_value text NOT NULL,
  seal_due_at_ms bigint NOT NULL,
  reveal_due_at_ms bigint NOT NULL,
  opened_at_ms bigint NOT NULL,
  decided_at_ms bigint NOT NULL DEFAULT 0,
  correlation_id text NOT NULL,
  opened_by uuid NOT NULL,
  traceparent text,
  position bigint NOT NULL
);
CREATE INDEX evaluation_task ON evaluation (task, position DESC, id DESC);
CREATE INDEX evaluation_open ON evaluation (opened_at_ms) WHERE status = 'open';
CREATE TABLE assignment (
  id uuid PRIMARY KEY,
  evaluation_id uuid NOT NULL,
  task text NOT NULL,
  validator text NOT NULL,
  stake_units text NOT NULL,
  managed boolean NOT NULL,
  status text NOT NULL,
  rule text NOT NULL DEFAULT '',
  accepted_at_ms bigint,
  score_nano bigint,
  distance_e18 text NOT NULL DEFAULT '',
  share_e18 text NOT NULL DEFAULT '',
  manifest json,
  manifest_sha256 text NOT NULL DEFAULT '',
  position bigint NOT NULL
);
CREATE INDEX assignment_validator ON assignment (validator, position DESC, id DESC);
CREATE INDEX assignment_evaluation ON assignment (evaluation_id);
CREATE TABLE scoring (
  id uuid PRIMARY KEY,
  task text NOT NULL,
  round integer NOT NULL,
  purpose text NOT NULL,
  submissions integer NOT NULL,
  decided integer NOT NULL DEFAULT 0,
  yuma json
);
`;

async function opened(tx: Tx, event: Recorded<EvaluationOpened>): Promise<void> {
  const { evaluationId, scoringId, task, submission, owner, round, purpose, beacon, sealDueAtMs, revealDueAtMs, assignments } = event.data;
  await tx.query(
    `INSERT INTO evaluation (id, scoring_id, task, submission, owner, round, purpose, phase, status, beacon_kind, beacon_value, seal_due_at_ms, reveal_due_at_ms, position, correlation_id, traceparent, opened_at_ms, opened_by)
     VALUES ($1, $2, $3, $4, $5, $6, $7, 'sealing', 'open', $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
    [evaluationId, scoringId, task, submission, owner, round, purpose, beacon.kind, beacon.value, sealDueAtMs, revealDueAtMs, event.position.toString(), event.metadata.correlationId, event.metadata.traceparent ?? null, event.data.atMs, event.eventId],
  );
  for (const { assignmentId, validator, stakeUnits, managed } of assignments) {
    await tx.query(
      `INSERT INTO assignment (id, evaluation_id, task, validator, stake_units, managed, status, position) VALUES ($1, $2, $3, $4, $5, $6, 'offered', $7)`,
      [assignmentId, evaluationId, task, validator, stakeUnits.toString(), managed, event.position.toString()],
    );
  }
}

async function agreed(tx: Tx, { data }: Recorded<VerdictAgreed>): Promise<void> {
  await tx.query(`UPDATE evaluation SET phase = 'decided', status = 'agreed', agreed_nano = $2, mad_nano = $3, tolerance_nano = $4, decided_at_ms = $5 WHERE id = $1`, [
    data.evaluationId,
    data.agreedNano.toString(),
    data.madNano.toString(),
    data.toleranceNano.toString(),
    data.atMs,
  ]);
  for (const { assignmentId, distanceE18, shareE18 } of data.scores)
    await tx.query(`UPDATE assignment SET status = 'counted', distance_e18 = $2, share_e18 = $3 WHERE id = $1`, [assignmentId, distanceE18.toString(), shareE18.toString()]);
}

async function apply(tx: Tx, event: Recorded<EvaluationEvent | ScoringEvent>): Promise<void> {
  switch (event.type) {
    case 'skein.validation.evaluation.opened.v1':
      return opened(tx, event);
    case 'skein.validation.assignment.accepted.v1':
      await tx.query(`UPDATE assignment SET status = 'accepted', accepted_at_ms = $2 WHERE id = $1`, [event.data.assignmentId, event.data.atMs]);
      return;
    case 'skein.validation.score.sealed.v1':
      await tx.query(`UPDATE assignment SET status = 'sealed' WHERE id = $1`, [event.data.assignmentId]);
      return;
    case 'skein.validation.sealing.closed.v1':
      await tx.query(`UPDATE evaluation SET phase = 'revealing' WHERE id = $1`, [event.data.evaluationId]);
      return;
    case 'skein.validation.score.revealed.v1': {
      const { assignmentId, scoreNano, manifest, manifestSha256 } = event.data;
      await tx.query(`UPDATE assignment SET status = 'revealed', score_nano = $2, manifest = $3, manifest_sha256 = $4 WHERE id = $1`, [assignmentId, scoreNano.toString(), JSON.stringify(manifest), manifestSha256]);
      return;
    }
    case 'skein.validation.assignment.failed.v1':
      await tx.query(`UPDATE assignment SET status = 'failed', rule = $2 WHERE id = $1`, [event.data.assignmentId, event.data.rule]);
      return;
    case 'skein.validation.assignment.expired.v1':
      await tx.query(`UPDATE assignment SET status = 'expired', rule = $2 WHERE id = $1`, [event.data.assignmentId, event.data.rule]);
      return;
    case 'skein.validation.verdict.agreed.v1':
      return agreed(tx, event);
    case 'skein.validation.verdict.failed.v1':
      await tx.query(`UPDATE evaluation SET phase = 'decided', status = 'failed', rule = $2, decided_at_ms = $3 WHERE id = $1`, [event.data.evaluationId, event.data.rule, event.data.atMs]);
      return;
    default:
      return applyScoring(tx, event);
  }
}

async function applyScoring(tx: Tx, event: Recorded<ScoringEvent>): Promise<void> {
  const { scoringId } = event.data;
  switch (event.type) {
    case 'skein.validation.scoring.opened.v1': {
      const { task, round, purpose, submissions } = event.data;
      await tx.query('INSERT INTO scoring (id, task, round, purpose, submissions) VALUES ($1, $2, $3, $4, $5)', [scoringId, task, round, purpose, submissions.length]);
      return;
    }
    case 'skein.validation.scoring.verdict-noted.v1':
      await tx.query('UPDATE scoring SET decided = decided + 1 WHERE id = $1', [scoringId]);
      return;
    case 'skein.validation.scoring.completed.v1': {
      const { submissions, consensus, incentive, validators, validatorTrust } = event.data;
      await tx.query('UPDATE scoring SET yuma = $2 WHERE id = $1', [scoringId, JSON.stringify({ submissions, consensus, incentive, validators, validatorTrust })]);
      return;
    }
  }
}

const TYPES = [
  'evaluation.opened',
  'assignment.accepted',
  'score.sealed',
  'sealing.closed',
  'score.revealed',
  'assignment.failed',
  'assignment.expired',
  'verdict.agreed',
  'verdict.failed',
  'scoring.opened',
  'scoring.verdict-noted',
  'scoring.completed',
];

/** Evaluations, assignments with their scores, and scorings. */
export const validationProjection: Projection = {
  name: VALIDATION,
  version: 3,
  tables: TABLES,
  types: TYPES.map((type) => `skein.validation.${type}.v1`),
  apply: (tx, event: RecordedEvent) => apply(tx, event as Recorded<EvaluationEvent | ScoringEvent>),
};
