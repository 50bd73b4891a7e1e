import { inBatches, RowChanges, type Projection, type RecordedEvent, type Tx } from '@skein/events';
import type { EpochEvent } from '../domain/epoch/epoch.events.js';
import type { ChallengeStarted } from '../domain/task/task.events.js';

type Event = EpochEvent | ChallengeStarted;

/** What concerns all submissions of a task or an epoch, behind everything before it. */
async function showArtifacts(tx: Tx, submissions: RowChanges, taskId: string, epoch: number): Promise<void> {
  await submissions.flush(tx);
  await tx.query('UPDATE submissions SET artifact_shown = true WHERE task_id = $1 AND epoch = $2', [taskId, epoch]);
}

async function disclose(tx: Tx, submissions: RowChanges, { taskId, ranking }: ChallengeStarted['data']): Promise<void> {
  await submissions.flush(tx);
  await tx.query('UPDATE submissions SET disclosed = true WHERE task_id = $1', [taskId]);
  for (const { submissionId, scoreNano, rank } of ranking) submissions.update(submissionId, { status: 'ranked', final_score_nano: scoreNano.toString(), final_rank: rank });
}

async function apply(tx: Tx, submissions: RowChanges, event: Event, position: bigint): Promise<void> {
  switch (event.type) {
    case 'skein.arena.submission.committed.v1': {
      const { submissionId, taskId, owner, epoch, order, committedAtMs } = event.data;
      return submissions.insert({ submission_id: submissionId, task_id: taskId, owner, epoch, ord: order, position: position.toString(), status: 'committed', committed_at_ms: committedAtMs });
    }
    case 'skein.arena.submission.revealed.v1':
      return submissions.update(event.data.submissionId, { status: 'revealed', artifact_sha256: event.data.artifactSha256 });
    case 'skein.arena.submission.admitted.v1':
      return submissions.update(event.data.submissionId, { status: 'admitted' });
    case 'skein.arena.submission.rejected.v1':
      return submissions.update(event.data.submissionId, { status: 'rejected', rule: event.data.rule });
    case 'skein.arena.submission.superseded.v1':
      return submissions.update(event.data.submissionId, { status: 'superseded' });
    case 'skein.arena.epoch.reveals-closed.v1':
      return showArtifacts(tx, submissions, event.data.taskId, event.data.epoch);
    case 'skein.arena.epoch.scoring-requested.v1':
      for (const { submissionId } of event.data.submissions) submissions.update(submissionId, { status: 'validating' });
      return;
    case 'skein.arena.submission.scored.v1':
      if (event.data.outcome === 'uncounted') return submissions.update(event.data.submissionId, { status: 'admitted' });
      return submissions.update(event.data.submissionId, { status: 'scored', board_score_nano: event.data.boardScoreNano.toString() });
    case 'skein.arena.epoch.closed.v1':
      for (const { submissionId, scoreNano } of event.data.standings) submissions.update(submissionId, { status: 'ranked', epoch_score_nano: scoreNano.toString() });
      return;
    case 'skein.arena.task.challenge-started.v1':
      return disclose(tx, submissions, event.data);
    default:
      return;
  }
}

async function applyBatch(tx: Tx, events: readonly RecordedEvent[]): Promise<void> {
  const submissions = new RowChanges('submissions', 'submission_id');
  for (const { type, data, position } of events) await apply(tx, submissions, { type, data } as Event, position);
  await submissions.flush(tx);
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
  ...inBatches(applyBatch),
};
