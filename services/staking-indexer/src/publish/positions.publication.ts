import type { RecordedEvent } from '@skein/events';
import { publicMessage, type Publication } from '@skein/messaging';
import { PositionChangedSchema } from '@skein/contracts/staking';
import type { PositionChanged } from '../domain/position/position.events.js';

const TOPIC = 'staking.position.v1';

/** Whole final positions, key = wallet. */
export const positionsPublication: Publication = {
  name: 'positions',
  topic: TOPIC,
  types: ['skein.staking.position.changed.v1'],
  map(event: RecordedEvent) {
    const { wallet, asOf, cause, fact, locks, stakes } = event.data as PositionChanged['data'];
    return publicMessage({
      event,
      topic: TOPIC,
      schema: PositionChangedSchema,
      key: wallet,
      message: {
        wallet,
        version: BigInt(event.version),
        asOf: { number: BigInt(asOf.number), hash: asOf.hash },
        locks: { count: locks.count, flockUnits: locks.flock.toString(), gmFlockUnits: locks.gmFlock.toString() },
        stakes: stakes.map(({ taskId, role, units }) => ({ task: `tasks/${taskId}`, role, units: units.toString() })),
        cause: { txHash: cause.txHash, ordinal: cause.ordinal, kind: fact.kind },
      },
    });
  },
};
