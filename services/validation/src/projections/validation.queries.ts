import { Inject, Injectable } from '@nestjs/common';
import { POOL, type OpenWorkflow } from '@skein/platform';
import type { Pool } from 'pg';
import type { Manifest } from '../domain/evaluation/evaluation.events.js';
import type { AssignmentStatus } from '../domain/evaluation/evaluation.state.js';

/** An assignment beside its evaluation; bigint columns come as text. */
export interface AssignmentRow {
  readonly id: string;
  readonly evaluation_id: string;
  readonly task: string;
  readonly submission: string;
  readonly owner: string;
  readonly round: number;
  readonly purpose: string;
  readonly phase: string;
  readonly validator: string;
  readonly stake_units: string;
  readonly managed: boolean;
  readonly status: AssignmentStatus;
  readonly rule: string;
  readonly seal_due_at_ms: string;
  readonly reveal_due_at_ms: string;
  readonly score_nano: string | null;
  readonly distance_e18: string;
  readonly share_e18: string;
  readonly manifest: Manifest | null;
  readonly manifest_sha256: string;
  readonly position: string;
  /** Of the scoring: what is done for an assignment belongs to it. */
  readonly correlation_id: string;
  /** Event that offered the assignment. */
  readonly opened_by: string;
  readonly traceparent: string | null;
}

export interface EvaluationRow {
  readonly id: string;
  readonly scoring_id: string;
  readonly task: string;
  readonly submission: string;
  readonly round: number;
  readonly purpose: string;
  readonly status: string;
  readonly rule: string;
  readonly agreed_nano: string | null;
  readonly mad_nano: string | null;
  readonly tolerance_nano: string | null;
  readonly beacon_kind: string;
  readonly beacon_value: string;
  readonly decided_at_ms: string;
  readonly position: string;
}

export interface ScoringRow {
  readonly id: string;
  readonly task: string;
  readonly round: number;
  readonly purpose: string;
  readonly submissions: number;
  readonly decided: number;
  readonly yuma: { readonly submissions: string[]; readonly consensus: string[]; readonly incentive: string[]; readonly validators: string[]; readonly validatorTrust: string[] } | null;
}

export interface AssignmentFilter {
  readonly validator: string;
  readonly status?: AssignmentStatus;
  readonly task?: string;
  readonly revealable: boolean;
  readonly after?: { readonly position: string; readonly id: string };
  readonly limit: number;
}

const ASSIGNMENT = `
  SELECT a.id, a.evaluation_id, a.task, e.submission, e.owner, e.round, e.purpose, e.phase, a.validator, a.stake_units, a.managed, a.status, a.rule,
    e.seal_due_at_ms, e.reveal_due_at_ms, a.score_nano::text, a.distance_e18, a.share_e18, a.manifest, a.manifest_sha256, a.position, e.correlation_id, e.opened_by, e.traceparent
  FROM "validation".assignment a JOIN "validation".evaluation e ON e.id = a.evaluation_id`;

const EVALUATION = `
  SELECT id, scoring_id, task, submission, round, purpose, status, rule, agreed_nano::text, mad_nano::text, tolerance_nano::text, beacon_kind, beacon_value, decided_at_ms, position
  FROM "validation".evaluation`;

/** Reads the `validation` projection. */
@Injectable()
export class ValidationQueries {
  readonly #pool: Pool;
  constructor(@Inject(POOL) pool: Pool) {
    this.#pool = pool;
  }

  /** Newest first. */
  async assignments({ validator, status, task, revealable, after, limit }: AssignmentFilter): Promise<AssignmentRow[]> {
    const { rows } = await this.#pool.query<AssignmentRow>(
      `${ASSIGNMENT}
       WHERE a.validator = $1 AND ($2::text IS NULL OR a.status = $2) AND ($3::text IS NULL OR a.task = $3)
         AND (NOT $4 OR (a.status = 'sealed' AND e.phase = 'revealing'))
         AND ($5::bigint IS NULL OR (a.position, a.id) < ($5::bigint, $6::uuid))
       ORDER BY a.position DESC, a.id DESC LIMIT $7`,
      [validator, status ?? null, task ?? null, revealable, after?.position ?? null, after?.id ?? null, limit],
    );
    return rows;
  }

  async assignment(id: string): Promise<AssignmentRow | undefined> {
    return (await this.#pool.query<AssignmentRow>(`${ASSIGNMENT} WHERE a.id = $1`, [id])).rows[0];
  }

  /** By wallet. */
  async assignmentsOf(evaluationIds: readonly string[]): Promise<AssignmentRow[]> {
    return (await this.#pool.query<AssignmentRow>(`${ASSIGNMENT} WHERE a.evaluation_id = ANY ($1) ORDER BY a.validator COLLATE "C"`, [evaluationIds])).rows;
  }

  /** When the validator last took an assignment of the task, other than the given one. */
  async lastAcceptedAtMs(validator: string, task: string, besides: string): Promise<number | undefined> {
    const { rows } = await this.#pool.query<{ last: string | null }>('SELECT max(accepted_at_ms) AS last FROM "validation".assignment WHERE validator = $1 AND task = $2 AND id <> $3', [validator, task, besides]);
    const last = rows[0]?.last;
    return last === null || last === undefined ? undefined : Number(last);
  }

  async evaluation(id: string): Promise<EvaluationRow | undefined> {
    return (await this.#pool.query<EvaluationRow>(`${EVALUATION} WHERE id = $1`, [id])).rows[0];
  }

  /** Newest first. */
  async evaluations(task: string, submission: string, limit: number, after?: { readonly position: string; readonly id: string }): Promise<EvaluationRow[]> {
    const { rows } = await this.#pool.query<EvaluationRow>(
      `${EVALUATION} WHERE task = $1 AND ($2 = '' OR submission = $2) AND ($3::bigint IS NULL OR (position, id) < ($3::bigint, $4::uuid)) ORDER BY position DESC, id DESC LIMIT $5`,
      [task, submission, after?.position ?? null, after?.id ?? null, limit],
    );
    return rows;
  }

  /** Evaluations without a verdict, the oldest first. */
  async openEvaluations(limit: number): Promise<OpenWorkflow[]> {
    const { rows } = await this.#pool.query<{ id: string; opened_at_ms: string }>(
      `SELECT id, opened_at_ms FROM "validation".evaluation WHERE status = 'open' ORDER BY opened_at_ms LIMIT $1`, [limit],
    );
    return rows.map(({ id, opened_at_ms: openedAtMs }) => ({ instance: `evaluations/${id}`, key: id, openedAtMs: Number(openedAtMs) }));
  }

  async scoring(id: string): Promise<ScoringRow | undefined> {
    return (await this.#pool.query<ScoringRow>('SELECT * FROM "validation".scoring WHERE id = $1', [id])).rows[0];
  }
}
