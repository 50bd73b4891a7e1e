import type { EventMetadata, EventStore, InboxEntry, Reactor, RecordedEvent } from '@skein/events';
import { unwrap, type Decider, type DomainEvent } from '@skein/kernel';
import { caseDecider, caseStreamId } from '../domain/case/case.decider.js';
import { chainIdOf, singlesOf, type ChainEvent, type CursorMoved, type FactFinalised } from '../domain/chain/chain.events.js';
import { isCaseFact, isPoolFact, isSigmaFact, isWalletFact, type Fact } from '../domain/facts.js';
import { finalityDecider, finalityStreamId, type ReachFinality } from '../domain/finality/finality.decider.js';
import { poolDecider } from '../domain/pool/pool.decider.js';
import { poolStreamId } from '../domain/pool/pool.events.js';
import { positionDecider } from '../domain/position/position.decider.js';
import { positionStreamId } from '../domain/position/position.events.js';
import { sigmaDecider, sigmaStreamId } from '../domain/sigma/sigma.decider.js';
import type { ChainTimes } from './chain-times.js';
import { several } from './several.js';

type Final = FactFinalised['data'];
interface Applied<F> {
  readonly fact: F;
  readonly asOf: Final['asOf'];
  readonly cause: { readonly txHash: string; readonly ordinal: number };
}

const types = ['skein.staking.fact.finalised.v1', 'skein.staking.facts.finalised.v1'];

/** An event's facts of one kind, by what they are about, each in the order of the chain. */
function factsBy<F extends Fact>(event: RecordedEvent, is: (fact: Fact) => fact is F, subjectOf: (fact: F) => string): Map<string, Applied<F>[]> {
  const singles = singlesOf(event as RecordedEvent & ChainEvent) as readonly FactFinalised[];
  const ours = singles.flatMap(({ data: { fact, asOf, txHash, ordinal } }) => (is(fact) ? [{ fact, asOf, cause: { txHash, ordinal } }] : []));
  return Map.groupBy(ours, ({ fact }) => subjectOf(fact));
}

/** Who acts on an event for one of its subjects, and once. */
function actOn(event: RecordedEvent, actor: string, subject: string): { readonly metadata: EventMetadata; readonly inbox: InboxEntry } {
  const { correlationId, traceparent } = event.metadata;
  const metadata = { correlationId, causationId: event.eventId, actor, ...(traceparent === undefined ? {} : { traceparent }) };
  const messageId = event.type === types[0] ? event.eventId : `${event.eventId}/${subject}`;
  return { metadata, inbox: { consumer: actor, messageId } };
}

interface Taking<F extends Fact, S, E extends DomainEvent> {
  readonly name: string;
  readonly decider: Decider<S, Applied<F>, E>;
  readonly is: (fact: Fact) => fact is F;
  readonly subjectOf: (fact: F) => string;
  readonly streamOf: (subject: string) => string;
}

/** Takes final facts into the streams of what they are about: all of one event by one append each, side by side. */
function reactorOf<F extends Fact, S, E extends DomainEvent>(store: EventStore, { name, decider, is, subjectOf, streamOf }: Taking<F, S, E>): Reactor {
  const all = several(decider);
  return {
    name,
    types,
    async handle(event: RecordedEvent): Promise<void> {
      const take = async ([subject, facts]: [string, Applied<F>[]]): Promise<void> => {
        unwrap(await store.execute({ decider: all, streamId: streamOf(subject), command: () => facts, ...actOn(event, name, subject) }));
      };
      await Promise.all([...factsBy(event, is, subjectOf)].map(take));
    },
  };
}

const CURSOR = 'skein.staking.cursor.moved.v1';

/** Says how far positions are final, once those of all facts up to there are in the log: the cursor moves behind its facts. */
async function tellFinality(store: EventStore, times: ChainTimes, event: RecordedEvent): Promise<void> {
  const { finalised: asOf } = event.data as CursorMoved['data'];
  const chainId = chainIdOf(event.streamId);
  const command = async (): Promise<ReachFinality> => {
    const [timeMs, epochs] = [await times.timeOf(asOf.number), await times.clock()];
    return { chainId, asOf, ...(timeMs === undefined ? {} : { timeMs }), ...(epochs === undefined ? {} : { epochs }) };
  };
  unwrap(await store.execute({ decider: finalityDecider, streamId: finalityStreamId(chainId), command, metadata: actOn(event, 'positions', '').metadata }));
}

/** Takes each final fact into the position of its wallet. A contradiction stops it: money must not be paid on such a position. */
export function positionsReactor(store: EventStore, times: ChainTimes): Reactor {
  const facts = reactorOf(store, { name: 'positions', decider: positionDecider, is: isWalletFact, subjectOf: ({ wallet }) => wallet, streamOf: positionStreamId });
  return { ...facts, types: [...types, CURSOR], handle: (event) => (event.type === CURSOR ? tellFinality(store, times, event) : facts.handle(event)) };
}

/** Takes each owner's σ. */
export const sigmasReactor = (store: EventStore): Reactor =>
  reactorOf(store, { name: 'sigmas', decider: sigmaDecider, is: isSigmaFact, subjectOf: ({ owner }) => owner, streamOf: sigmaStreamId });

/** The same for pools. */
export const poolsReactor = (store: EventStore): Reactor =>
  reactorOf(store, { name: 'pools', decider: poolDecider, is: isPoolFact, subjectOf: ({ pool }) => pool, streamOf: poolStreamId });

/** The same for cases. */
export const casesReactor = (store: EventStore): Reactor =>
  reactorOf(store, { name: 'cases', decider: caseDecider, is: isCaseFact, subjectOf: ({ caseId }) => caseId, streamOf: caseStreamId });
