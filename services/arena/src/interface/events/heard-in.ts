import type { BlockRef } from '@skein/contracts/staking';
import { type HeardBlock, chainOf } from '@skein/platform';

/** The final block that a message about a wallet is as of; undefined where it names none. */
export const heardIn = (wallet: string, asOf: BlockRef | undefined): HeardBlock | undefined => asOf && { chain: chainOf(wallet), block: asOf };
