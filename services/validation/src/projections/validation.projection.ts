import { inBatches, RowChanges, type Projection, type Recorded, type RecordedEvent, type Tx } from '@skein/events';
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

/** Changes of the three tables, manifests as they were given, and how many more verdicts each scoring has. */
class Changes {
  readonly evaluations = new RowChanges('evaluation', 'id');
  readonly assignments = new RowChanges('assignment', 'id');
  readonly scorings = new RowChanges('scoring', 'id');
  readonly #manifests = new Map<string, string>();
  readonly #decided = new Map<string, number>();

  /** A validator's own words, which may hold what no text column can: never taken apart on the way. */
  manifest(assignmentId: string, manifest: object): void {
    this.#manifests.set(assignmentId, JSON.stringify(manifest));
  }

  decided(scoringId: string): void {
    this.#decided.set(scoringId, (this.#decided.get(scoringId) ?? 0) + 1);
  }

  async write(tx: Tx): Promise<void> {
    await this.evaluations.flush(tx);
    await this.assignments.flush(tx);
    await this.scorings.flush(tx);
    if (this.#manifests.size > 0)
      await tx.query('UPDATE assignment SET manifest = given.manifest FROM unnest($1::uuid[], $2::json[]) AS given (id, manifest) WHERE assignment.id = given.id', [
        [...this.#manifests.keys()], [...this.#manifests.values()],
      ]);
    if (this.#decided.size > 0)
      await tx.query('UPDATE scoring SET decided = decided + more.count FROM unnest($1::uuid[], $2::integer[]) AS more (id, count) WHERE scoring.id = more.id', [
        [...this.#decided.keys()], [...this.#decided.values()],
      ]);
  }
}

function opened({ evaluations, assignments }: Changes, { data, position, metadata, eventId }: Recorded<EvaluationOpened>): void {
  const { evaluationId, scoringId, task, submission, owner, round, purpose, beacon, sealDueAtMs, revealDueAtMs } = data;
  evaluations.insert({
    id: evaluationId, scoring_id: scoringId, task, submission, owner, round, purpose, phase: 'sealing', status: 'open', beacon_kind: beacon.kind, beacon_value: beacon.value,
    seal_due_at_ms: sealDueAtMs, reveal_due_at_ms: revealDueAtMs, position: position.toString(), correlation_id: metadata.correlationId,
    traceparent: metadata.traceparent ?? null, opened_at_ms: data.atMs, opened_by: eventId,
  });
  for (const { assignmentId, validator, stakeUnits, managed } of data.assignments)
    assignments.insert({ id: assignmentId, evaluation_id: evaluationId, task, validator, stake_units: stakeUnits.toString(), managed, status: 'offered', position: position.toString() });
}

function agreed({ evaluations, assignments }: Changes, { data }: Recorded<VerdictAgreed>): void {
  evaluations.update(data.evaluationId, {
    phase: 'decided', status: 'agreed', agreed_nano: data.agreedNano.toString(), mad_nano: data.madNano.toString(), tolerance_nano: data.toleranceNano.toString(), decided_at_ms: data.atMs,
  });
  for (const { assignmentId, distanceE18, shareE18 } of data.scores)
    assignments.update(assignmentId, { status: 'counted', distance_e18: distanceE18.toString(), share_e18: shareE18.toString() });
}

function apply(changes: Changes, event: Recorded<EvaluationEvent | ScoringEvent>): void {
  const { evaluations, assignments } = changes;
  switch (event.type) {
    case 'skein.validation.evaluation.opened.v1':
      return opened(changes, event);
    case 'skein.validation.assignment.accepted.v1':
      return assignments.update(event.data.assignmentId, { status: 'accepted', accepted_at_ms: event.data.atMs });
    case 'skein.validation.score.sealed.v1':
      return assignments.update(event.data.assignmentId, { status: 'sealed' });
    case 'skein.validation.sealing.closed.v1':
      return evaluations.update(event.data.evaluationId, { phase: 'revealing' });
    case 'skein.validation.score.revealed.v1': {
      const { assignmentId, scoreNano, manifest, manifestSha256 } = event.data;
      changes.manifest(assignmentId, manifest);
      return assignments.update(assignmentId, { status: 'revealed', score_nano: scoreNano.toString(), manifest_sha256: manifestSha256 });
    }
    case 'skein.validation.assignment.failed.v1':
      return assignments.update(event.data.assignmentId, { status: 'failed', rule: event.data.rule });
    case 'skein.validation.assignment.expired.v1':
      return assignments.update(event.data.assignmentId, { status: 'expired', rule: event.data.rule });
    case 'skein.validation.verdict.agreed.v1':
      return agreed(changes, event);
    case 'skein.validation.verdict.failed.v1':
      return evaluations.update(event.data.evaluationId, { phase: 'decided', status: 'failed', rule: event.data.rule, decided_at_ms: event.data.atMs });
    default:
      return applyScoring(changes, event);
  }
}

function applyScoring(changes: Changes, event: Recorded<ScoringEvent>): void {
  const { scoringId } = event.data;
  switch (event.type) {
    case 'skein.validation.scoring.opened.v1': {
      const { task, round, purpose, submissions } = event.data;
      return changes.scorings.insert({ id: scoringId, task, round, purpose, submissions: submissions.length });
    }
    case 'skein.validation.scoring.verdict-noted.v1':
      return changes.decided(scoringId);
    case 'skein.validation.scoring.completed.v1': {
      const { submissions, consensus, incentive, validators, validatorTrust } = event.data;
      return changes.scorings.update(scoringId, { yuma: { submissions, consensus, incentive, validators, validatorTrust } });
    }
  }
}

async function applyBatch(tx: Tx, events: readonly RecordedEvent[]): Promise<void> {
  const changes = new Changes();
  for (const event of events) apply(changes, event as Recorded<EvaluationEvent | ScoringEvent>);
  await changes.write(tx);
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
  ...inBatches(applyBatch),
};
