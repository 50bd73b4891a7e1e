import type { DomainEvent } from '@skein/kernel';
import type { BlockRef, ChainFact } from '../facts.js';

/** Following begins behind `cursor`; the genesis hash tells this chain from another with the same id. */
export type ChainStarted = DomainEvent<
  'skein.staking.chain.started.v1',
  { readonly chainId: number; readonly genesis: BlockRef; readonly cursor: BlockRef }
>;

/** A log was seen in a block that is safe but may still be undone. */
export type FactObserved = DomainEvent<'skein.staking.fact.observed.v1', ChainFact>;

/** The log's block is final. `asOf` is the final block known then. */
export type FactFinalised = DomainEvent<'skein.staking.fact.finalised.v1', ChainFact & { readonly asOf: BlockRef }>;

/** The chain has left these blocks, newest first; what was observed in them is void. Following goes on behind `ancestor`. */
export type BlocksReverted = DomainEvent<
  'skein.staking.blocks.reverted.v1',
  { readonly ancestor: BlockRef; readonly blocks: readonly BlockRef[] }
>;

/** Every log up to `cursor` has been read and every fact up to `finalised` is final. */
export type CursorMoved = DomainEvent<
  'skein.staking.cursor.moved.v1',
  { readonly cursor: BlockRef; readonly finalised: BlockRef }
>;

export type ChainEvent = ChainStarted | FactObserved | FactFinalised | BlocksReverted | CursorMoved;

export const chainStreamId = (chainId: number): string => `chain-${chainId}`;
