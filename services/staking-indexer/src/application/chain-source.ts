import type { BlockRef, ChainFact } from '../domain/facts.js';
import type { Total } from './totals.js';

export { ChainTrouble, isAbsence, RangeRefused, type TroubleRule } from './chain-trouble.js';

/** A block as a link of the chain. */
export interface Header extends BlockRef {
  readonly parentHash: string;
  /** False: the block's bloom filter rules out a log of our contracts. */
  readonly mayHoldFacts: boolean;
}

/** How many endpoints answered of those that must agree before anything becomes final. */
export interface Agreement {
  readonly reached: number;
  readonly wanted: number;
  /** Why the others are missing, by name; empty where all answered. */
  readonly missing: string;
}

/** The chain's heads at one moment, as the chain itself names them. */
export interface Heads {
  readonly latest: Header;
  readonly safe: Header;
  /** Where too few endpoints answered: what one of them alone says, which makes nothing final. */
  readonly finalised: Header;
  /** Absent: one endpoint is enough. */
  readonly agreement?: Agreement;
}

/** What tells one chain from another. */
export interface ChainIdentity {
  readonly chainId: number;
  readonly genesis: BlockRef;
}

/** What the follower asks a chain. Every method throws `ChainTrouble` when there is no usable answer. */
export interface ChainSource {
  /** Names the endpoint to people, without secrets. */
  readonly name: string;
  identity(): Promise<ChainIdentity>;
  heads(): Promise<Heads>;
  /** Undefined when the chain has no such block (any more). */
  header(number: number): Promise<Header | undefined>;
  /** Contracts to follow besides those of the address book: what facts announced before. They are never forgotten. */
  follow(contracts: readonly string[]): void;
  /**
   * Facts of all blocks `from` … `to`, by block and log index, those of contracts included that the range itself announces. Throws
   * `RangeRefused` when the range is too much for one answer.
   */
  facts(from: number, to: number): Promise<ChainFact[]>;
  /** True once enough endpoints give just these facts for the range; false where too few answer. A contradiction is thrown. */
  agree(from: number, to: number, facts: readonly ChainFact[]): Promise<boolean>;
  /** Keccak-256 of each book contract's code at a block (`''`: no code); undefined when the chain no longer keeps that block's state. */
  codes(block: BlockRef): Promise<Readonly<Record<string, string>> | undefined>;
  /** The contract's grand total at a block; undefined when the chain no longer keeps that block's state. */
  totalStaked(block: BlockRef): Promise<bigint | undefined>;
  /** What the contracts say of each total at a block; undefined when the chain no longer keeps that block's state. */
  totals(block: BlockRef, wanted: readonly Total[]): Promise<readonly bigint[] | undefined>;
}
