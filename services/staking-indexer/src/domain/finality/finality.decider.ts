import { ok, type Decider, type DomainEvent } from '@skein/kernel';
import type { BlockRef } from '../facts.js';

/** Reward epochs as the contracts count them. */
export interface Epochs {
  readonly genesisMs: number;
  readonly epochMs: number;
}

/**
 * Every position that facts up to a final block have changed is in the log before this. `timeMs` and `epochs` are absent where the
 * chain could not be asked for them.
 */
export type FinalityReached = DomainEvent<
  'skein.staking.finality.reached.v1',
  { readonly chainId: number; readonly asOf: BlockRef; readonly timeMs?: number; readonly epochs?: Epochs }
>;

export type ReachFinality = FinalityReached['data'];

export const finalityStreamId = (chainId: number): string => `finality-${chainId}`;

/** The last final block that was told of; -1 before the first. */
export interface FinalityState {
  readonly number: number;
}

/** How far a chain's positions are final. A block is told of once. */
export const finalityDecider: Decider<FinalityState, ReachFinality, FinalityReached> = {
  initialState: () => ({ number: -1 }),
  decide: (command, { number }) => ok(command.asOf.number > number ? [{ type: 'skein.staking.finality.reached.v1', data: command }] : []),
  evolve: (_state, { data }) => ({ number: data.asOf.number }),
  snapshot: { name: 'finality', version: 1, every: 1_000, encode: (state) => state, decode: (kept) => kept as FinalityState },
};
