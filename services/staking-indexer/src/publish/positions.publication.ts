import { CaseChangedSchema, FinalityReachedSchema, PoolChangedSchema, PositionChangedSchema, SigmaChangedSchema } from '@skein/contracts/staking';
import type { RecordedEvent } from '@skein/events';
import { publicMessage, type Publication } from '@skein/messaging';
import { accusedOf, type CaseChanged } from '../domain/case/case.decider.js';
import type { CaseFact } from '../domain/facts.js';
import type { FinalityReached } from '../domain/finality/finality.decider.js';
import { worth } from '../domain/pool/pool-book.js';
import type { PoolChanged } from '../domain/pool/pool.events.js';
import type { PositionChanged } from '../domain/position/position.events.js';
import type { SigmaChanged } from '../domain/sigma/sigma.decider.js';
import { causeMessage, positionMessage, refMessage } from './position-message.js';

const TOPIC = 'staking.position.v1';

const FINALITY = 'skein.staking.finality.reached.v1';

function finality(event: RecordedEvent) {
  const { chainId, asOf, timeMs = 0, epochs = { genesisMs: 0, epochMs: 0 } } = event.data as FinalityReached['data'];
  const chain = `eip155:${chainId}`;
  const times = { blockTimeMs: BigInt(timeMs), epochGenesisMs: BigInt(epochs.genesisMs), epochMs: BigInt(epochs.epochMs) };
  return publicMessage({ event, topic: TOPIC, schema: FinalityReachedSchema, key: chain, message: { chain, asOf: refMessage(asOf), ...times } });
}

/** Whole final positions, key = wallet; behind them how far they are final, key = chain. */
export const positionsPublication: Publication = {
  name: 'positions',
  topic: TOPIC,
  types: ['skein.staking.position.changed.v1', FINALITY],
  map(event: RecordedEvent) {
    if (event.type === FINALITY) return finality(event);
    const data = event.data as PositionChanged['data'];
    return publicMessage({ event, topic: TOPIC, schema: PositionChangedSchema, key: data.wallet, message: positionMessage(data, event.version) });
  },
};

/**
 * Pools as far as they weigh, key = owner: it lies in one order with the owner's positions. Named anew when messages began to tell
 * shares: then all of them were published once more.
 */
export const poolsPublication: Publication = {
  name: 'pool_shares',
  topic: TOPIC,
  types: ['skein.staking.pool.changed.v1'],
  map(event: RecordedEvent) {
    const { pool, owner, asOf, cause, fact, sums, waiting, closed } = event.data as PoolChanged['data'];
    const message = {
      pool,
      owner,
      version: BigInt(event.version),
      asOf: refMessage(asOf),
      countedUnits: (closed ? 0n : worth(sums.totalShares, sums)).toString(),
      totalUnits: sums.total.toString(),
      principalIndex: sums.principalIndex.toString(),
      closed,
      countedShares: (closed ? 0n : sums.totalShares).toString(),
      waiting: waiting.map(({ epoch, sharesIn, sharesOut }) => ({ epoch: BigInt(epoch), sharesIn: sharesIn.toString(), sharesOut: sharesOut.toString() })),
      cause: causeMessage(cause, fact),
    };
    return publicMessage({ event, topic: TOPIC, schema: PoolChangedSchema, key: owner, message });
  },
};

/** What owners keep of the reward on delegated stake, key = owner. */
export const sigmasPublication: Publication = {
  name: 'sigmas',
  topic: TOPIC,
  types: ['skein.staking.sigma.changed.v1'],
  map(event: RecordedEvent) {
    const { asOf, cause, fact } = event.data as SigmaChanged['data'];
    const message = { owner: fact.owner, version: BigInt(event.version), asOf: refMessage(asOf), sigmaPpm: fact.sigma, cause: causeMessage(cause, fact) };
    return publicMessage({ event, topic: TOPIC, schema: SigmaChangedSchema, key: fact.owner, message });
  },
};

function caseFields(fact: CaseFact) {
  switch (fact.kind) {
    case 'case-opened': {
      const { taskId, role, pool = '', cap, evidence } = fact;
      return { status: 'opened', task: `tasks/${taskId}`, role, pool, capUnits: cap.toString(), evidence };
    }
    case 'slashed': {
      const { taskId, role, fromOwner, fromPool, toReporter } = fact;
      const taken = { fromOwnerUnits: fromOwner.toString(), fromPoolUnits: fromPool.toString(), toReporterUnits: toReporter.toString() };
      return { status: 'slashed', task: `tasks/${taskId}`, role, ...taken };
    }
    case 'case-dismissed':
      return { status: 'dismissed' };
  }
}

/** Cases, key = the accused: a slash lies in one order with the position that it leaves. */
export const casesPublication: Publication = {
  name: 'cases',
  topic: TOPIC,
  types: ['skein.staking.case.changed.v1'],
  map(event: RecordedEvent) {
    const { asOf, cause, fact } = event.data as CaseChanged['data'];
    const accused = accusedOf(fact);
    const message = { caseId: fact.caseId, accused, asOf: refMessage(asOf), ...caseFields(fact), cause: causeMessage(cause, fact) };
    return publicMessage({ event, topic: TOPIC, schema: CaseChangedSchema, key: accused, message });
  },
};
