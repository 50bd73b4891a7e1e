import { uuidV8From } from '@skein/kernel';
import { type KnownArtifact, findCopies } from '../submission/copy.policy.js';
import { rotatingSetOf } from '../task/task.policy.js';
import type { EpochEvent, ScoringSubmission } from './epoch.events.js';
import type { EpochState, Submission } from './epoch.state.js';

const isRevealed = ({ artifactSha256 }: Submission): boolean => artifactSha256 !== '';
const byOrder = (a: { order: number }, b: { order: number }): number => a.order - b.order;

interface Judged {
  readonly events: readonly EpochEvent[];
  /** Per owner the latest valid submission, new or standing, in the task's commit order. */
  readonly ranking: readonly ScoringSubmission[];
}

/**
 * Judges all submissions of an epoch once (`known`: bytes that were revealed in earlier epochs), when the reveal window has closed and every admission is known. Copies fall in
 * commit order whoever revealed first (a rejected original still counts as the first to commit those bytes); then the
 * latest valid submission of each owner ranks and supersedes the earlier ones, also those of earlier epochs.
 */
export function judgeReveals(state: EpochState, known: readonly KnownArtifact[]): Judged {
  const { taskId, epoch, orderBase, entries, participants } = state.opened!;
  const events: EpochEvent[] = [];
  const revealed = state.submissions.filter(isRevealed).sort(byOrder);
  const copies = findCopies(revealed, known);
  const latest = new Map<string, ScoringSubmission>(
    entries.filter(({ owner }) => participants.some(({ wallet, role }) => wallet === owner && role === 'node')).map((entry) => [entry.owner, entry]),
  );
  for (const { submissionId, owner, artifactSha256, order, status } of revealed) {
    if (status !== 'admitted') continue;
    if (copies.has(submissionId)) {
      const message = 'another wallet committed to these bytes earlier';
      events.push({ type: 'skein.arena.submission.rejected.v1', data: { taskId, epoch, submissionId, owner, rule: 'copy', message, platformFault: false } });
      continue;
    }
    const before = latest.get(owner);
    if (before)
      events.push({ type: 'skein.arena.submission.superseded.v1', data: { taskId, epoch, submissionId: before.submissionId, owner, by: submissionId } });
    latest.set(owner, { submissionId, owner, artifactSha256, order: orderBase + order });
  }
  const ranking = [...latest.values()].map(({ submissionId, owner, artifactSha256, order }) => ({ submissionId, owner, artifactSha256, order })).sort(byOrder);
  return { events, ranking };
}

/** The id of one scoring of a task: same task and round, same id. */
export const scoringIdOf = (taskId: string, round: number): string => uuidV8From('skein/scoring/v1', taskId, round);

export function requestScoring(state: EpochState, submissions: readonly ScoringSubmission[], nowMs: number): EpochEvent {
  const { taskId, epoch, policy, taskRequestId, participants, stakeBlock } = state.opened!;
  const set = rotatingSetOf(policy, epoch);
  return {
    type: 'skein.arena.epoch.scoring-requested.v1',
    data: {
      taskId,
      epoch,
      scoringId: scoringIdOf(taskId, epoch),
      dataSetSha256: set.sha256,
      dataSetRows: set.rows,
      submissions,
      requestedAtMs: nowMs,
      deadlineMs: nowMs + policy.schedule.scoringSeconds * 1000,
      policy,
      taskRequestId,
      participants,
      ...(stakeBlock === undefined ? {} : { stakeBlock }),
    },
  };
}
