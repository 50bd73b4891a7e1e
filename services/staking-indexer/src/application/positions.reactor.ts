import type { EventStore, Reactor, RecordedEvent } from '@skein/events';
import { unwrap } from '@skein/kernel';
import type { FactFinalised } from '../domain/chain/chain.events.js';
import { isWalletFact } from '../domain/facts.js';
import { positionDecider } from '../domain/position/position.decider.js';
import { positionStreamId } from '../domain/position/position.events.js';

/** Takes each final fact into the position of its wallet. A contradiction stops it: money must not be paid on such a position. */
export const positionsReactor = (store: EventStore): Reactor => ({
  name: 'positions',
  types: ['skein.staking.fact.finalised.v1'],
  async handle(event: RecordedEvent): Promise<void> {
    const { fact, asOf, txHash, ordinal } = event.data as FactFinalised['data'];
    if (!isWalletFact(fact)) return;
    const { correlationId, traceparent } = event.metadata;
    const result = await store.execute({
      decider: positionDecider,
      streamId: positionStreamId(fact.wallet),
      command: () => ({ fact, asOf, cause: { txHash, ordinal } }),
      metadata: { correlationId, causationId: event.eventId, actor: 'positions', ...(traceparent === undefined ? {} : { traceparent }) },
      inbox: { consumer: 'positions', messageId: event.eventId },
    });
    unwrap(result);
  },
});
