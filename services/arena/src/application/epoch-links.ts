import type { RecordedEvent } from '@skein/events';
import type { EpochEvent } from '../domain/epoch/epoch.events.js';

/** The events by which a submission comes from outside, each in the trace of a request. */
const ARRIVALS: readonly string[] = ['skein.arena.submission.committed.v1', 'skein.arena.submission.revealed.v1'];

/** Submissions whose ways meet in these events: those that are now scored, or those that the epoch's end ranks and pays. */
export function meeting(events: readonly EpochEvent[]): ReadonlySet<string> {
  return new Set(
    events.flatMap((event) => {
      if (event.type === 'skein.arena.epoch.scoring-requested.v1') return event.data.submissions.map(({ submissionId }) => submissionId);
      return event.type === 'skein.arena.epoch.closed.v1' ? event.data.standings.map(({ submissionId }) => submissionId) : [];
    }),
  );
}

/** Contexts in which these submissions came, from the epoch's history: one trace goes on from here, the others are linked to it. */
export const arrivalsOf = (history: readonly RecordedEvent[], submissions: ReadonlySet<string>): string[] =>
  history.flatMap(({ type, data, metadata: { traceparent } }) => (traceparent !== undefined && ARRIVALS.includes(type) && submissions.has((data as { submissionId: string }).submissionId) ? [traceparent] : []));
