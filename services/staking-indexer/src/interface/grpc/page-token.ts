import { RejectionError } from '@skein/kernel';
import type { StakeKey } from '../../projections/staking.queries.js';

type Part = string | number | bigint | boolean | null;

/** Opaque token of the page behind the row with these values. */
export const tokenOf = (parts: readonly Part[]): string => Buffer.from(JSON.stringify(parts.map(String))).toString('base64url');

/** Reads a token of `count` parts; undefined for none; anything else than one of ours is refused. */
export function partsOf(token: string, count: number): readonly string[] | undefined {
  if (token === '') return undefined;
  try {
    const parts: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (Array.isArray(parts) && parts.length === count && parts.every((part) => typeof part === 'string')) return parts as string[];
  } catch {
    // Falls through to the refusal.
  }
  throw new RejectionError({ code: 'invalid-argument', rule: 'page-token', message: 'this is no page token of ours', field: 'page_token' });
}

/** The same for parts of which the ones at `numbers` are whole numbers. */
export function rowParts(token: string, count: number, numbers: readonly number[] = []): readonly string[] | undefined {
  const parts = partsOf(token, count);
  if (parts !== undefined && numbers.some((at) => !/^\d{1,78}$/.test(parts[at]!))) partsOf('-', count);
  return parts;
}

export const pageToken = ({ wallet, role, taskId }: StakeKey): string => tokenOf([wallet, role, taskId]);

/** Where a page of stakes goes on. */
export function readPageToken(token: string): StakeKey {
  const [wallet, role, taskId] = partsOf(token === '' ? '-' : token, 3)!;
  return { wallet: wallet!, role: role!, taskId: taskId! };
}
