import type { EventMetadata, EventStore, InboxEntry, Reactor, RecordedEvent } from '@skein/events';
import { unwrap } from '@skein/kernel';
import { caseDecider, caseStreamId } from '../domain/case/case.decider.js';
import { singlesOf, type ChainEvent, type FactFinalised } from '../domain/chain/chain.events.js';
import { isCaseFact, isPoolFact, isWalletFact, type WalletFact } from '../domain/facts.js';
import { poolDecider } from '../domain/pool/pool.decider.js';
import { poolStreamId } from '../domain/pool/pool.events.js';
import { positionDecider } from '../domain/position/position.decider.js';
import { positionStreamId } from '../domain/position/position.events.js';

type Final = FactFinalised['data'];
interface Act {
  readonly metadata: EventMetadata;
  readonly inbox: InboxEntry;
}

const types = ['skein.staking.fact.finalised.v1', 'skein.staking.facts.finalised.v1'];

/** The facts of an event, each with the inbox entry that makes its effect one: of many in one event each has its place in it. */
function actsOf(event: RecordedEvent, actor: string): (readonly [Final, Act])[] {
  const { correlationId, traceparent } = event.metadata;
  const metadata = { correlationId, causationId: event.eventId, actor, ...(traceparent === undefined ? {} : { traceparent }) };
  const singles = singlesOf(event as RecordedEvent & ChainEvent) as readonly FactFinalised[];
  const idOf = (at: number): string => (event.type === types[0] ? event.eventId : `${event.eventId}/${at}`);
  return singles.map(({ data }, at) => [data, { metadata, inbox: { consumer: actor, messageId: idOf(at) } }]);
}

/** Takes each final fact into the position of its wallet. A contradiction stops it: money must not be paid on such a position. */
export const positionsReactor = (store: EventStore): Reactor => ({
  name: 'positions',
  types,
  async handle(event: RecordedEvent): Promise<void> {
    const wallets = Map.groupBy(actsOf(event, 'positions'), ([{ fact }]) => (isWalletFact(fact) ? fact.wallet : ''));
    wallets.delete('');
    // Each wallet's in order, wallets side by side: their appends share transactions.
    await Promise.all([...wallets].map(([wallet, acts]) => inOrder(acts, wallet)));

    async function inOrder(acts: readonly (readonly [Final, Act])[], wallet: string): Promise<void> {
      for (const [{ fact, asOf, txHash, ordinal }, act] of acts) {
        const command = () => ({ fact: fact as WalletFact, asOf, cause: { txHash, ordinal } });
        unwrap(await store.execute({ decider: positionDecider, streamId: positionStreamId(wallet), command, ...act }));
      }
    }
  },
});

/** The same for pools. */
export const poolsReactor = (store: EventStore): Reactor => ({
  name: 'pools',
  types,
  async handle(event: RecordedEvent): Promise<void> {
    for (const [{ fact, asOf, txHash, ordinal }, act] of actsOf(event, 'pools')) {
      if (!isPoolFact(fact)) continue;
      const command = () => ({ fact, asOf, cause: { txHash, ordinal } });
      unwrap(await store.execute({ decider: poolDecider, streamId: poolStreamId(fact.pool), command, ...act }));
    }
  },
});

/** The same for cases. */
export const casesReactor = (store: EventStore): Reactor => ({
  name: 'cases',
  types,
  async handle(event: RecordedEvent): Promise<void> {
    for (const [{ fact, asOf, txHash, ordinal }, act] of actsOf(event, 'cases')) {
      if (!isCaseFact(fact)) continue;
      const command = () => ({ fact, asOf, cause: { txHash, ordinal } });
      unwrap(await store.execute({ decider: caseDecider, streamId: caseStreamId(fact.caseId), command, ...act }));
    }
  },
});
