import type { Projection } from '@skein/events';
import type { EpochClosed } from '../domain/epoch/epoch.events.js';

/** The public board: the ranks of the last closed epoch with rounded scores. */
export const leaderboardProjection: Projection = {
  name: 'arena_leaderboard',
  version: 1,
  tables: `
    CREATE TABLE standings (
      task_id uuid NOT NULL,
      rank integer NOT NULL,
      epoch integer NOT NULL,
      owner text NOT NULL,
      submission_id uuid NOT NULL,
      board_score_nano bigint NOT NULL,
      PRIMARY KEY (task_id, rank)
    )`,
  types: ['skein.arena.epoch.closed.v1'],
  async apply(tx, recorded) {
    const { taskId, epoch, standings } = recorded.data as EpochClosed['data'];
    await tx.query('DELETE FROM standings WHERE task_id = $1', [taskId]);
    for (const { rank, owner, submissionId, boardScoreNano } of standings)
      await tx.query('INSERT INTO standings (task_id, rank, epoch, owner, submission_id, board_score_nano) VALUES ($1, $2, $3, $4, $5, $6)', [
        taskId, rank, epoch, owner, submissionId, boardScoreNano.toString(),
      ]);
  },
};
