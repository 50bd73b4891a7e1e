import { CaseChangedSchema, PoolChangedSchema, PositionChangedSchema } from '@skein/contracts/staking';
import type { RecordedEvent } from '@skein/events';
import { publicMessage, type Publication } from '@skein/messaging';
import { accusedOf, type CaseChanged } from '../domain/case/case.decider.js';
import type { CaseFact } from '../domain/facts.js';
import { worth } from '../domain/pool/pool-book.js';
import type { PoolChanged } from '../domain/pool/pool.events.js';
import type { PositionChanged } from '../domain/position/position.events.js';
import { causeMessage, positionMessage, refMessage } from './position-message.js';

const TOPIC = 'staking.position.v1';

/** Whole final positions, key = wallet. */
export const positionsPublication: Publication = {
  name: 'positions',
  topic: TOPIC,
  types: ['skein.staking.position.changed.v1'],
  map(event: RecordedEvent) {
    const data = event.data as PositionChanged['data'];
    return publicMessage({ event, topic: TOPIC, schema: PositionChangedSchema, key: data.wallet, message: positionMessage(data, event.version) });
  },
};

/** Pools as far as they weigh, key = owner: it lies in one order with the owner's positions. */
export const poolsPublication: Publication = {
  name: 'pool_weights',
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
      waiting: waiting.map(({ epoch, sharesIn, sharesOut }) => ({ epoch: BigInt(epoch), sharesIn: sharesIn.toString(), sharesOut: sharesOut.toString() })),
      cause: causeMessage(cause, fact),
    };
    return publicMessage({ event, topic: TOPIC, schema: PoolChangedSchema, key: owner, message });
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
