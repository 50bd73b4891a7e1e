import type { BlockRef, ChainFact } from '../facts.js';

/** Begin behind `cursor`. Repeating it for the same chain changes nothing. */
export interface StartChain {
  readonly kind: 'start';
  readonly chainId: number;
  readonly genesis: BlockRef;
  readonly cursor: BlockRef;
}

/**
 * What the chain answered for the blocks `from` … `to`, after `to` was checked to descend from the cursor. The same command
 * is given again until it leads to no events: one append holds only so many.
 */
export interface AdvanceChain {
  readonly kind: 'advance';
  readonly from: number;
  readonly to: BlockRef;
  /** Every log of our contracts in the range, by block and log index. */
  readonly logs: readonly ChainFact[];
  readonly finalised: BlockRef;
  /** More safe blocks wait behind `to`: the cursor is recorded even where nothing was found. */
  readonly behind?: boolean;
  /** The contract's own grand total at `finalised`; given when the range reaches that far. */
  readonly totalStaked?: bigint;
}

/** The chain no longer has the cursor's block; `ancestor` is the newest known block that it still has. */
export interface RevertChain {
  readonly kind: 'revert';
  readonly ancestor: BlockRef;
}

/** What code the followed contracts have at a final block, by address; `''` where there is none. */
export interface SeeContracts {
  readonly kind: 'see-contracts';
  readonly codes: Readonly<Record<string, string>>;
  /** Contracts may be missing still. */
  readonly deploying: boolean;
  readonly asOf: BlockRef;
}

/** The chain has become something that cannot heal. */
export interface HaltChain {
  readonly kind: 'halt';
  readonly rule: string;
  readonly reason: string;
}

/** An operator lets following go on. */
export interface ResumeChain {
  readonly kind: 'resume';
  readonly reason: string;
  readonly actor: string;
}

export type ChainCommand = StartChain | AdvanceChain | RevertChain | SeeContracts | HaltChain | ResumeChain;
