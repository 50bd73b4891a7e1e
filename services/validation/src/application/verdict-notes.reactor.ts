import type { EventStore, Reactor, Recorded } from '@skein/events';
import { unwrap } from '@skein/kernel';
import type { VerdictAgreed, VerdictFailed } from '../domain/evaluation/evaluation.events.js';
import { scoringDecider, type ScoredBy, type ScoringCommand, type ScoringEvent, type ScoringState } from '../domain/scoring/scoring.decider.js';
import { SELF } from './ports.js';

const scoresOf = (event: Recorded<VerdictAgreed | VerdictFailed>): ScoredBy[] =>
  event.type === 'skein.validation.verdict.agreed.v1' ? event.data.scores.map(({ validator, stakeUnits, scoreNano }) => ({ validator, stakeUnits, scoreNano })) : [];

/** Notes every verdict in its scoring, which records the Yuma cross-check with the last one. */
export const verdictNotes = (store: EventStore): Reactor => ({
  name: 'reactor-verdict-notes',
  types: ['skein.validation.verdict.agreed.v1', 'skein.validation.verdict.failed.v1'],
  handle: async (recorded) => {
    const event = recorded as Recorded<VerdictAgreed | VerdictFailed>;
    const { scoringId, submission } = event.data;
    const { correlationId, traceparent } = event.metadata;
    unwrap(
      await store.execute<ScoringState, ScoringCommand, ScoringEvent>({
        decider: scoringDecider,
        streamId: `scoring-${scoringId}`,
        command: (nowMs) => ({ kind: 'note', submission, scores: scoresOf(event), nowMs }),
        metadata: { correlationId, causationId: event.eventId, actor: SELF, ...(traceparent === undefined ? {} : { traceparent }) },
        inbox: { consumer: 'verdict-notes', messageId: event.eventId },
      }),
    );
  },
});
