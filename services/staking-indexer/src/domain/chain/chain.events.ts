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

/**
 * Logs of blocks that were final when they were first read, by place; nobody has observed them before. At most
 * `FACTS_PER_EVENT`, so that a backfill is not one event for each of millions of logs.
 */
export type FactsFinalised = DomainEvent<
  'skein.staking.facts.finalised.v1',
  { readonly facts: readonly ChainFact[]; readonly asOf: BlockRef }
>;

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

/** Code hashes of the followed contracts by address, as they were first seen at a final block. */
export type ContractsSeen = DomainEvent<
  'skein.staking.contracts.seen.v1',
  { readonly codes: Readonly<Record<string, string>>; readonly asOf: BlockRef }
>;

/** Following has stopped for good: what the chain has become cannot heal. Nothing is recorded until an operator resumes. */
export type ChainHalted = DomainEvent<'skein.staking.chain.halted.v1', { readonly rule: string; readonly reason: string }>;

/**
 * An operator has looked at it; the contracts' code counts as it is from now on, and facts of blocks that are final here are taken
 * though they came to light late. Any other trouble that lasts halts again.
 */
export type ChainResumed = DomainEvent<'skein.staking.chain.resumed.v1', { readonly reason: string; readonly actor: string }>;

export type ChainEvent =
  | ChainStarted
  | FactObserved
  | FactFinalised
  | FactsFinalised
  | BlocksReverted
  | CursorMoved
  | ContractsSeen
  | ChainHalted
  | ChainResumed;

/** Facts that became final many at a time as if each had come alone: for whoever reads them. */
export const singlesOf = (event: ChainEvent): readonly ChainEvent[] =>
  event.type === 'skein.staking.facts.finalised.v1'
    ? event.data.facts.map((fact): FactFinalised => ({ type: 'skein.staking.fact.finalised.v1', data: { ...fact, asOf: event.data.asOf } }))
    : [event];

export const chainStreamId = (chainId: number): string => `chain-${chainId}`;
export const chainIdOf = (streamId: string): number => Number(streamId.slice('chain-'.length));
