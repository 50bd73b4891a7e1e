import type { DomainEvent } from '@skein/kernel';
import type { BlockRef, PoolFact, PoolOwnerFact } from '../facts.js';
import type { Cause } from '../position/position.events.js';
import type { PoolSums } from './pool-book.js';
import type { Waiting } from './waiting.js';

/** The facts that change a pool: its own logs and its opening. */
export type PoolChange = PoolFact | Extract<PoolOwnerFact, { kind: 'pool-created' }>;

/** A final fact changed a pool; `sums`, `waiting` and `closed` are all of it after the fact, delegators' accounts apart. */
export type PoolChanged = DomainEvent<
  'skein.staking.pool.changed.v1',
  {
    readonly pool: string;
    readonly owner: string;
    readonly asOf: BlockRef;
    readonly cause: Cause;
    readonly fact: PoolChange;
    readonly sums: PoolSums;
    readonly waiting: readonly Waiting[];
    readonly closed: boolean;
  }
>;

export const poolStreamId = (pool: string): string => `pool-${pool}`;
