import { z } from 'zod';

const CAIP10 = /^eip155:[1-9]\d*:0x[0-9a-f]{40}$/;

/** The marketplace's own settings, by environment name. */
export const marketplaceConfig = z.object({
  /** Who is paid for computing: a CAIP-10 wallet in lower case, or `platform`. */
  COMPUTE_PROVIDER: z.union([z.literal('platform'), z.string().regex(CAIP10, 'must be a CAIP-10 wallet')]).default('platform'),
  /** What one compute unit costs, USD units of 10^-15. */
  COMPUTE_RATE_E15: z.coerce.bigint().min(0n).default(20_000n),
  /** How long an attempt at a call may take before a retry takes over and its credit is released. */
  CALL_LEASE_MS: z.coerce.number().int().min(1_000).default(10_000),
  /** How long credit is held for a call. */
  HOLD_MS: z.coerce.number().int().min(10_000).default(600_000),
});

export type MarketplaceSettings = z.output<typeof marketplaceConfig>;
