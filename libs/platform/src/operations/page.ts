import { RejectionError } from '@skein/kernel';

/** Size of a page that names none. */
const STANDARD = 100;

/** How many to read: one more than the page, to know whether there is another. */
export const sizeOf = (pageSize: number): number => pageSize || STANDARD;

/** What somebody else's page token is answered with. */
export const refusedToken = (): RejectionError => new RejectionError({ code: 'invalid-argument', rule: 'page-token', message: 'this is no page token of ours', field: 'page_token' });

/** An opaque token of texts. */
export const tokenOf = (...parts: readonly string[]): string => Buffer.from(JSON.stringify(parts)).toString('base64url');

/** The texts of a token, undefined where there is none; throws `page-token` for what is not one of ours. */
export function partsOf(token: string, count: number): readonly string[] | undefined {
  if (token === '') return undefined;
  try {
    const parts: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (Array.isArray(parts) && parts.length === count && parts.every((part) => typeof part === 'string')) return parts as string[];
  } catch {
    // not even JSON: refused below
  }
  throw refusedToken();
}

/** The one number of a token. */
export function numberOf(token: string): bigint | undefined {
  const [text] = partsOf(token, 1) ?? [];
  if (text === undefined) return undefined;
  if (/^\d{1,18}$/.test(text)) return BigInt(text);
  throw refusedToken();
}
