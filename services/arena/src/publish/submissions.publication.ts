import {
  SubmissionAdmittedSchema,
  SubmissionCommittedSchema,
  SubmissionRejectedSchema,
  SubmissionRevealedSchema,
  SubmissionScoredSchema,
  SubmissionSupersededSchema,
} from '@skein/contracts/arena';
import { type Publication, publicMessage } from '@skein/messaging';
import { submissionName, taskName } from '../application/names.js';
import type { EpochEvent } from '../domain/epoch/epoch.events.js';

const topic = 'arena.submission.v1';

/** Lives of submissions. Hashes of unrevealed artifacts and exact scores stay inside. */
export const submissionsPublication: Publication = {
  name: 'submissions',
  topic,
  types: [
    'skein.arena.submission.committed.v1',
    'skein.arena.submission.revealed.v1',
    'skein.arena.submission.admitted.v1',
    'skein.arena.submission.rejected.v1',
    'skein.arena.submission.superseded.v1',
    'skein.arena.submission.scored.v1',
  ],
  map(event) {
    const { type, data } = { type: event.type, data: event.data } as EpochEvent;
    if (!('submissionId' in data)) return undefined;
    const submission = submissionName(data.taskId, data.submissionId);
    const { owner } = data;
    switch (type) {
      case 'skein.arena.submission.committed.v1': {
        const { epoch, order, commit, taskId } = data;
        return publicMessage({ event, topic, schema: SubmissionCommittedSchema, message: { submission, task: taskName(taskId), owner, epoch, order, commit } });
      }
      case 'skein.arena.submission.revealed.v1':
        return publicMessage({ event, topic, schema: SubmissionRevealedSchema, message: { submission, owner } });
      case 'skein.arena.submission.admitted.v1':
        return publicMessage({ event, topic, schema: SubmissionAdmittedSchema, message: { submission, owner } });
      case 'skein.arena.submission.rejected.v1':
        return publicMessage({ event, topic, schema: SubmissionRejectedSchema, message: { submission, owner, rule: data.rule } });
      case 'skein.arena.submission.superseded.v1':
        return publicMessage({ event, topic, schema: SubmissionSupersededSchema, message: { submission, owner, by: submissionName(data.taskId, data.by) } });
      case 'skein.arena.submission.scored.v1':
        if (data.outcome !== 'counted') return undefined;
        return publicMessage({ event, topic, schema: SubmissionScoredSchema, message: { submission, owner, epoch: data.epoch, boardScoreNano: data.boardScoreNano } });
      default:
        return undefined;
    }
  },
};
