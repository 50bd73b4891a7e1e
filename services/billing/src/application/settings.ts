import { z } from 'zod';

/** Billing's own settings, by environment name. */
export const billingConfig = z.object({
  /** Issues API keys; without it one is derived from SERVICE_TOKEN_SECRET. */
  API_KEY_SECRET: z.string().min(32, 'must have at least 32 characters').optional(),
  /** The platform's part of what a call leaves after compute, basis points. */
  PLATFORM_FEE_BPS: z.coerce.number().int().min(0).max(10_000).default(1_000),
  /** How long a payee's part is held back before it is payable. */
  HOLD_BACK_MS: z.coerce.number().int().min(0).default(7 * 86_400_000),
});

export type BillingSettings = z.output<typeof billingConfig>;
