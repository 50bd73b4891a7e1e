import { RejectionError } from '@skein/kernel';
import type { StakeKey } from '../../projections/staking.queries.js';

/** Opaque token of the page behind a stake. */
export const pageToken = ({ wallet, role, taskId }: StakeKey): string =>
  Buffer.from(JSON.stringify([wallet, role, taskId])).toString('base64url');

/** Reads a page token; anything else than one of ours is refused. */
export function readPageToken(token: string): StakeKey {
  try {
    const parts: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (Array.isArray(parts) && parts.length === 3 && parts.every((part) => typeof part === 'string'))
      return { wallet: parts[0] as string, role: parts[1] as string, taskId: parts[2] as string };
  } catch {
    // Falls through to the refusal.
  }
  throw new RejectionError({ code: 'invalid-argument', rule: 'page-token', message: 'this is no page token of ours', field: 'page_token' });
}
