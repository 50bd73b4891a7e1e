import { parseAddressBook } from '@skein/contracts-evm';
import { z } from 'zod';

const addressBook = z.string().transform((text, context) => {
  try {
    return parseAddressBook(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'is no address book' });
    return z.NEVER;
  }
});

/** Own settings of the indexer, by environment name; what it needs of the common ones is asked for here too. */
export const stakingSettings = z
  .object({
    CHAIN_RPC_URL: z.string().regex(/^https?:\/\//, 'must be an http(s) URL'),
    CHAIN_ID: z.coerce.number().int().positive().default(31_337),
    /** JSON as `formatAddressBook` writes it. */
    CHAIN_CONTRACTS: addressBook,
    /** Wait between two looks at the chain. */
    CHAIN_POLL_MS: z.coerce.number().int().min(20).max(60_000).default(500),
    /** Depth of finality in blocks, only for a chain that lacks the tags `safe` and `finalized`. */
    CHAIN_FINALITY_BLOCKS: z.coerce.number().int().min(1).max(10_000).optional(),
  })
  .refine(({ CHAIN_ID: id, CHAIN_CONTRACTS: book }) => book.chainId === id, {
    path: ['CHAIN_CONTRACTS'],
    message: 'is for another chain than CHAIN_ID',
  });

export type StakingSettings = z.output<typeof stakingSettings>;
