import type { BlockRef } from '../domain/facts.js';
import type { Step } from './follow-chain.js';

/** What is known about the chain since the follower last looked. */
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
  readonly halted?: { readonly rule: string; readonly reason: string };
}

/** Keeps the last look at the chain for whoever asks, also in another process. */
export interface ChainStatusBoard {
  write(chainId: number, step: Step): Promise<void>;
  read(chainId: number): Promise<ChainStatus | undefined>;
}
