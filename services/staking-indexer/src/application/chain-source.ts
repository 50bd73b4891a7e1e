import type { BlockRef, ChainFact } from '../domain/facts.js';

/** A block as a link of the chain. */
export interface Header extends BlockRef {
  readonly parentHash: string;
  /** False: the block's bloom filter rules out a log of our contracts. */
  readonly mayHoldFacts: boolean;
}

/** The chain's heads at one moment, as the chain itself names them. */
export interface Heads {
  readonly latest: Header;
  readonly safe: Header;
  readonly finalised: Header;
}

/** What the follower asks a chain. Every method throws when the chain cannot be reached. */
export interface ChainSource {
  identity(): Promise<{ readonly chainId: number; readonly genesis: BlockRef }>;
  heads(): Promise<Heads>;
  /** Undefined when the chain has no such block (any more). */
  header(number: number): Promise<Header | undefined>;
  /** Facts of all blocks `from` … `to`, by block and log index. Throws `RangeRefused` when the range is too much for one answer. */
  facts(from: number, to: number): Promise<ChainFact[]>;
  /** The contract's grand total at a block; undefined when the chain no longer keeps that block's state. */
  totalStaked(block: BlockRef): Promise<bigint | undefined>;
}

/** The chain refused a range of blocks, or what it answered about it does not fit together: ask for less, or again. */
export class RangeRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'RangeRefused';
  }
}
