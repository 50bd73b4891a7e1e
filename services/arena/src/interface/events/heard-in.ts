import type { BlockRef, Cause } from '@skein/contracts/staking';
import { type HeardBlock, chainOf } from '@skein/platform';
import type { HeardSlash } from '../../infrastructure/slash-rows.js';

/** The final block that a message about a wallet is as of; undefined where it names none. */
export const heardIn = (wallet: string, asOf: BlockRef | undefined): HeardBlock | undefined => asOf && { chain: chainOf(wallet), block: asOf };

const PARTS: Readonly<Record<string, HeardSlash['part']>> = { slashed: 'own', 'pool-slashed': 'pool' };

/** The slash that a position or a pool has since this message. */
export function slashHeard(cause: Cause | undefined): { slash?: HeardSlash } {
  const part = PARTS[cause?.kind ?? ''];
  return part === undefined || cause === undefined ? {} : { slash: { caseId: cause.caseId, part } };
}
