import type { Projection, Tx } from '@skein/events';
import type { EpochClosed, EpochEvent } from '../domain/epoch/epoch.events.js';
import type { ChallengeStarted } from '../domain/task/task.events.js';

type Event = EpochEvent | ChallengeStarted;

const setStatus = (tx: Tx, submissionIds: readonly string[], status: string): Promise<unknown> =>
  tx.query('UPDATE submissions SET status = $2 WHERE submission_id = ANY ($1::uuid[])', [submissionIds, status]);

async function close(tx: Tx, { standings }: EpochClosed['data']): Promise<void> {
  for (const { submissionId, scoreNano } of standings)
    await tx.query(`UPDATE submissions SET status = 'ranked', epoch_score_nano = $2 WHERE submission_id = $1`, [submissionId, scoreNano.toString()]);
}

async function disclose(tx: Tx, { taskId, ranking }: ChallengeStarted['data']): Promise<void> {
  await tx.query('UPDATE submissions SET disclosed = true WHERE task_id = $1', [taskId]);
  for (const { submissionId, scoreNano, rank } of ranking)
    await tx.query(`UPDATE submissions SET status = 'ranked', final_score_nano = $2, final_rank = $3 WHERE submission_id = $1`, [submissionId, scoreNano.toString(), rank]);
}

async function apply(tx: Tx, event: Event, position: bigint): Promise<unknown> {
  switch (event.type) {
    case 'skein.arena.submission.committed.v1': {
      const { submissionId, taskId, owner, epoch, order, committedAtMs } = event.data;
      return tx.query('INSERT INTO submissions (submission_id, task_id, owner, epoch, ord, position, status, committed_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)', [
        submissionId, taskId, owner, epoch, order, position.toString(), 'committed', committedAtMs,
      ]);
    }
    case 'skein.arena.submission.revealed.v1':
      return tx.query(`UPDATE submissions SET status = 'revealed', artifact_sha256 = $2 WHERE submission_id = $1`, [event.data.submissionId, event.data.artifactSha256]);
    case 'skein.arena.submission.admitted.v1':
      return setStatus(tx, [event.data.submissionId], 'admitted');
    case 'skein.arena.submission.rejected.v1':
      return tx.query(`UPDATE submissions SET status = 'rejected', rule = $2 WHERE submission_id = $1`, [event.data.submissionId, event.data.rule]);
    case 'skein.arena.submission.superseded.v1':
      return setStatus(tx, [event.data.submissionId], 'superseded');
    case 'skein.arena.epoch.reveals-closed.v1':
      return tx.query('UPDATE submissions SET artifact_shown = true WHERE task_id = $1 AND epoch = $2', [event.data.taskId, event.data.epoch]);
    case 'skein.arena.epoch.scoring-requested.v1':
      return setStatus(tx, event.data.submissions.map(({ submissionId }) => submissionId), 'validating');
    case 'skein.arena.submission.scored.v1':
      if (event.data.outcome === 'uncounted') return setStatus(tx, [event.data.submissionId], 'admitted');
      return tx.query(`UPDATE submissions SET status = 'scored', board_score_nano = $2 WHERE submission_id = $1`, [event.data.submissionId, event.data.boardScoreNano.toString()]);
    case 'skein.arena.epoch.closed.v1':
      return close(tx, event.data);
    case 'skein.arena.task.challenge-started.v1':
      return disclose(tx, event.data);
    default:
      return undefined;
  }
}

/** Submissions as they are now. Exact scores are kept and shown only where `disclosed`, hashes where `artifact_shown`. */
export const submissionsProjection: Projection = {
  name: 'arena_submissions',
  version: 1,
  tables: `
    CREATE TABLE submissions (
      submission_id uuid PRIMARY KEY,
      task_id uuid NOT NULL,
      owner text NOT NULL,
      epoch integer NOT NULL,
      ord integer NOT NULL,
      position bigint NOT NULL,
      status text NOT NULL,
      rule text NOT NULL DEFAULT '',
      artifact_sha256 text NOT NULL DEFAULT '',
      artifact_shown boolean NOT NULL DEFAULT false,
      board_score_nano bigint,
      epoch_score_nano bigint,
      final_score_nano bigint,
      final_rank integer NOT NULL DEFAULT 0,
      disclosed boolean NOT NULL DEFAULT false,
      committed_at_ms bigint NOT NULL
    );
    CREATE INDEX submissions_in_order ON submissions (task_id, position);
    CREATE INDEX submissions_by_owner ON submissions (task_id, owner, position)`,
  types: [
    'skein.arena.submission.committed.v1',
    'skein.arena.submission.revealed.v1',
    'skein.arena.submission.admitted.v1',
    'skein.arena.submission.rejected.v1',
    'skein.arena.submission.superseded.v1',
    'skein.arena.submission.scored.v1',
    'skein.arena.epoch.reveals-closed.v1',
    'skein.arena.epoch.scoring-requested.v1',
    'skein.arena.epoch.closed.v1',
    'skein.arena.task.challenge-started.v1',
  ],
  apply: async (tx, recorded) => void (await apply(tx, { type: recorded.type, data: recorded.data } as Event, recorded.position)),
};
