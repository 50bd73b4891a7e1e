import type { BlockRef, WalletFact } from '../facts.js';
import type { Cause } from './position.events.js';

/** Takes a final fact into the wallet's position. Facts of one wallet come in the order of the chain, each once. */
export interface ApplyFact {
  readonly fact: WalletFact;
  readonly cause: Cause;
  readonly asOf: BlockRef;
}
