import type { BlockRef } from '../domain/facts.js';
import type { Agreement } from './chain-source.js';
import type { Step } from './follow-chain.js';

/** Why following has stopped. `lasting`: until an operator resumes it; else it goes on by itself once the answers fit. */
export interface Halt {
  readonly rule: string;
  readonly reason: string;
  readonly lasting: boolean;
}

/** What is known about the chain since the follower last looked. Blocks are number -1 before the first whole look. */
export interface ChainStatus {
  readonly chainId: number;
  readonly latest: BlockRef;
  readonly safe: BlockRef;
  readonly finalised: BlockRef;
  /** Every log up to here has been read. */
  readonly indexed: BlockRef;
  /** Every fact up to here is final here. */
  readonly indexedFinalised: BlockRef;
  readonly checkedAtMs: number;
  readonly agreement?: Agreement;
  readonly halted?: Halt;
}

/** Keeps the last look at the chain for whoever asks, also in another process. */
export interface ChainStatusBoard {
  write(chainId: number, step: Step): Promise<void>;
  /** A look that gave no answer: what was known stays, beside the reason. */
  halt(chainId: number, halt: Halt): Promise<void>;
  read(chainId: number): Promise<ChainStatus | undefined>;
}
