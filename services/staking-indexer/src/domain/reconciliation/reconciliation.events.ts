import type { DomainEvent } from '@skein/kernel';
import type { BlockRef } from '../facts.js';

/** A total that the read models and its contract know differently, in base units. */
export interface Difference {
  /** `staked`, `pool-principal 0x…` … */
  readonly total: string;
  readonly readModel: bigint;
  readonly contract: bigint;
}

interface Said {
  readonly chainId: number;
  /** When this stream began, by which a log that was built anew is told from the one before; absent in streams from before it was kept. */
  readonly logSinceMs?: number;
}

/** No payout may rest on this chain's stakes until an operator thaws. `asOf`: the final block at which it was found. */
export type ReconciliationFrozen = DomainEvent<
  'skein.staking.reconciliation.frozen.v1',
  Said & {
    readonly asOf: BlockRef;
    readonly rule: string;
    readonly reason: string;
    /** At most 50; empty where no total could be compared because the chain itself cannot be believed. */
    readonly differences: readonly Difference[];
  }
>;

/** Nothing differed at this final block: payouts may rest on stakes up to there, for `holdsForMs` from when the comparison was begun. */
export type ReconciliationPassed = DomainEvent<
  'skein.staking.reconciliation.passed.v1',
  Said & { readonly asOf: BlockRef; readonly checkedAtMs: number; readonly holdsForMs: number }
>;

/** Payouts may go on. */
export type ReconciliationThawed = DomainEvent<'skein.staking.reconciliation.thawed.v1', Said & { readonly reason: string; readonly actor: string }>;

export type ReconciliationEvent = ReconciliationFrozen | ReconciliationPassed | ReconciliationThawed;

export const reconciliationStreamId = (chainId: number): string => `reconciliation-${chainId}`;
