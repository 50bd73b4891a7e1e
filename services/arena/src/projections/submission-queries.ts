import { Inject, Injectable } from '@nestjs/common';
import { POOL } from '@skein/platform';
import type pg from 'pg';

export interface SubmissionRow {
  readonly submissionId: string;
  readonly taskId: string;
  readonly owner: string;
  readonly epoch: number;
  readonly order: number;
  readonly position: bigint;
  readonly status: string;
  readonly rule: string;
  readonly artifactSha256: string;
  readonly boardScoreNano: bigint | undefined;
  readonly epochScoreNano: bigint | undefined;
  readonly finalScoreNano: bigint | undefined;
  readonly finalRank: number;
  readonly committedAtMs: number;
}

export interface StandingRow {
  readonly rank: number;
  readonly owner: string;
  readonly submissionId: string;
  readonly boardScoreNano: bigint;
}

interface Raw {
  submission_id: string;
  task_id: string;
  owner: string;
  epoch: number;
  ord: number;
  position: string;
  status: string;
  rule: string;
  artifact: string;
  board_score_nano: string | null;
  epoch_score: string | null;
  final_score: string | null;
  final_rank: number;
  committed_at_ms: string;
}

// What is not public yet never leaves the database.
const COLUMNS = `submission_id, task_id, owner, epoch, ord, position, status, rule,
  CASE WHEN artifact_shown THEN artifact_sha256 ELSE '' END AS artifact, board_score_nano,
  CASE WHEN disclosed THEN epoch_score_nano END AS epoch_score, CASE WHEN disclosed THEN final_score_nano END AS final_score, final_rank, committed_at_ms`;

const nano = (text: string | null): bigint | undefined => (text === null ? undefined : BigInt(text));

const rowOf = (raw: Raw): SubmissionRow => ({
  submissionId: raw.submission_id,
  taskId: raw.task_id,
  owner: raw.owner,
  epoch: raw.epoch,
  order: raw.ord,
  position: BigInt(raw.position),
  status: raw.status,
  rule: raw.rule,
  artifactSha256: raw.artifact,
  boardScoreNano: nano(raw.board_score_nano),
  epochScoreNano: nano(raw.epoch_score),
  finalScoreNano: nano(raw.final_score),
  finalRank: raw.final_rank,
  committedAtMs: Number(raw.committed_at_ms),
});

/** Queries on the read models of submissions and the board. */
@Injectable()
export class SubmissionQueries {
  constructor(@Inject(POOL) private readonly pool: pg.Pool) {}

  async find(taskId: string, submissionId: string): Promise<SubmissionRow | undefined> {
    const { rows } = await this.pool.query<Raw>(`SELECT ${COLUMNS} FROM "arena_submissions".submissions WHERE submission_id = $2 AND task_id = $1`, [taskId, submissionId]);
    return rows[0] && rowOf(rows[0]);
  }

  /** In commit order, those after `after`. */
  async list(taskId: string, filter: { epoch: number; owner: string }, after: bigint, limit: number): Promise<SubmissionRow[]> {
    const { rows } = await this.pool.query<Raw>(
      `SELECT ${COLUMNS} FROM "arena_submissions".submissions
       WHERE task_id = $1 AND ($2 = 0 OR epoch = $2) AND ($3 = '' OR owner = $3) AND position > $4 ORDER BY position LIMIT $5`,
      [taskId, filter.epoch, filter.owner, after.toString(), limit],
    );
    return rows.map(rowOf);
  }

  async board(taskId: string): Promise<{ epoch: number; standings: StandingRow[] }> {
    const { rows } = await this.pool.query<{ epoch: number; rank: number; owner: string; submission_id: string; board_score_nano: string }>(
      'SELECT epoch, rank, owner, submission_id, board_score_nano FROM "arena_leaderboard".standings WHERE task_id = $1 ORDER BY rank',
      [taskId],
    );
    const standings = rows.map(({ rank, owner, submission_id, board_score_nano }) => ({ rank, owner, submissionId: submission_id, boardScoreNano: BigInt(board_score_nano) }));
    return { epoch: rows[0]?.epoch ?? 0, standings };
  }
}
