import type { DomainEvent } from '@skein/kernel';
import type { BlockRef, StakeRole, WalletFact } from '../facts.js';

/** A stake that is not zero, in gmFLOCK base units. */
export interface HeldStake {
  readonly taskId: string;
  readonly role: StakeRole;
  readonly units: bigint;
}

/** Locks that are not wholly redeemed: FLOCK behind them and gmFLOCK that redeems them, in base units. */
export interface LockSummary {
  readonly count: number;
  readonly flock: bigint;
  readonly gmFlock: bigint;
}

/** A stake of a federated task, which lies in a contract of its own, in gmFLOCK base units. */
export interface Membership {
  readonly taskId: string;
  readonly units: bigint;
}

/** Where a fact stands on the chain. */
export interface Cause {
  readonly txHash: string;
  readonly ordinal: number;
}

/**
 * A final fact changed what a wallet holds. `locks`, `stakes` and `memberships` are the whole position after it, stakes by task
 * and role, memberships by task; these are absent where there are none.
 */
export type PositionChanged = DomainEvent<
  'skein.staking.position.changed.v1',
  {
    readonly wallet: string;
    readonly asOf: BlockRef;
    readonly cause: Cause;
    readonly fact: WalletFact;
    readonly locks: LockSummary;
    readonly stakes: readonly HeldStake[];
    readonly memberships?: readonly Membership[];
  }
>;

export type PositionEvent = PositionChanged;

export const positionStreamId = (wallet: string): string => `position-${wallet}`;
