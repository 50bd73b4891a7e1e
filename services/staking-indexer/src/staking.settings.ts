import { parseAddressBook } from '@skein/contracts-evm';
import { z } from 'zod';
import { checkSigner, outboxSettings } from './outbox.settings.js';

const addressBook = z.string().transform((text, context) => {
  try {
    return parseAddressBook(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'is no address book' });
    return z.NEVER;
  }
});

const DEVNET = 31_337;
const endpoints = z.string().transform((text, context) => {
  const urls = text.split(',').map((url) => url.trim());
  const bad = urls.find((url) => !/^https?:\/\//.test(url) || !URL.canParse(url));
  if (bad === undefined && new Set(urls).size === urls.length) return urls;
  context.addIssue({ code: 'custom', message: bad === undefined ? 'names one endpoint twice' : 'must be http(s) URLs, with commas between them' });
  return z.NEVER;
});

/** Own settings of the indexer, by environment name; what it needs of the common ones is asked for here too. */
export const stakingSettings = z
  .object({
    /** One or more JSON-RPC endpoints of independent providers. */
    CHAIN_RPC_URL: endpoints,
    /** How many of them must agree before anything becomes final; default 2, on a devnet 1. */
    CHAIN_RPC_QUORUM: z.coerce.number().int().min(1).max(9).optional(),
    CHAIN_ID: z.coerce.number().int().positive().default(DEVNET),
    /** JSON as `formatAddressBook` writes it. */
    CHAIN_CONTRACTS: addressBook,
    /** Wait between two looks at the chain. */
    CHAIN_POLL_MS: z.coerce.number().int().min(20).max(60_000).default(500),
    /** Depth of finality in blocks, only for a chain that lacks the tags `safe` and `finalized`. */
    CHAIN_FINALITY_BLOCKS: z.coerce.number().int().min(1).max(10_000).optional(),
    /** Least time between two comparisons of the read models with the contracts. */
    CHAIN_RECONCILE_MS: z.coerce.number().int().min(100).max(3_600_000).default(5_000),
    /** How long payouts may rest on one such comparison: whoever has heard of none for so long pays nothing. */
    CHAIN_RECONCILED_FOR_MS: z.coerce.number().int().min(1_000).max(86_400_000).default(600_000),
    ...outboxSettings,
  })
  .superRefine(checkSigner)
  .refine(({ CHAIN_ID: id, CHAIN_CONTRACTS: book }) => book.chainId === id, {
    path: ['CHAIN_CONTRACTS'],
    message: 'is for another chain than CHAIN_ID',
  })
  .transform(({ CHAIN_RPC_QUORUM: quorum, ...others }) => ({ ...others, CHAIN_RPC_QUORUM: quorum ?? (others.CHAIN_ID === DEVNET ? 1 : 2) }))
  .refine(({ CHAIN_RPC_URL: urls, CHAIN_RPC_QUORUM: quorum }) => quorum <= urls.length, {
    path: ['CHAIN_RPC_QUORUM'],
    message: 'asks for more endpoints than CHAIN_RPC_URL lists',
  });

export type StakingSettings = z.output<typeof stakingSettings>;
