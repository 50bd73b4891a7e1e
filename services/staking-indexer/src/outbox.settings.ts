import { z } from 'zod';

/** Settings of what signs and sends; without a signer nothing is. */
export const outboxSettings = {
  /** File with the private key of the account that signs, 64 hex digits, mode 0600. */
  CHAIN_SIGNER_KEY_FILE: z.string().min(1).optional(),
  /** Instead: a remote signer that speaks `eth_signTransaction`, and the account that it signs for. */
  CHAIN_SIGNER_URL: z.string().regex(/^https?:\/\/[^@\s]+$/, 'must be an http(s) URL without credentials').optional(),
  CHAIN_SIGNER_ADDRESS: z.string().regex(/^0x[0-9a-fA-F]{40}$/, 'must be an address').optional(),
  /** Most that a unit of gas may cost. */
  CHAIN_FEE_CAP_GWEI: z.coerce.number().int().min(1).max(1_000_000).default(500),
  /** A transaction that nobody has mined for so long is replaced by one with higher fees. */
  CHAIN_STUCK_SECONDS: z.coerce.number().int().min(1).max(86_400).default(60),
};

export type OutboxSettings = z.output<z.ZodObject<typeof outboxSettings>>;

/** One signer at most; a remote one with its account. */
export function checkSigner(settings: OutboxSettings, context: { addIssue(issue: { code: 'custom'; path: string[]; message: string }): void }): void {
  const { CHAIN_SIGNER_KEY_FILE: file, CHAIN_SIGNER_URL: url, CHAIN_SIGNER_ADDRESS: address } = settings;
  if (file !== undefined && url !== undefined) context.addIssue({ code: 'custom', path: ['CHAIN_SIGNER_URL'], message: 'excludes CHAIN_SIGNER_KEY_FILE: there is one signer' });
  if ((url === undefined) !== (address === undefined)) context.addIssue({ code: 'custom', path: ['CHAIN_SIGNER_ADDRESS'], message: 'belongs to CHAIN_SIGNER_URL, and it to this' });
}
