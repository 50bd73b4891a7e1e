import { RejectionError } from '@skein/kernel';

const bad = (): RejectionError =>
  new RejectionError({ code: 'invalid-argument', rule: 'page-token', message: 'page_token must be one that a call like this returned', field: 'page_token' });

/** Opaque token of the last row's keys. */
export const pageToken = (keys: readonly (string | number | bigint)[]): string => Buffer.from(JSON.stringify(keys.map(String))).toString('base64url');

/** Keys of a token, checked against their patterns; undefined for the first page. */
export function parsePageToken(token: string, patterns: readonly RegExp[]): string[] | undefined {
  if (token === '') return undefined;
  let keys: unknown;
  try {
    keys = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
  } catch {
    throw bad();
  }
  if (!Array.isArray(keys) || keys.length !== patterns.length || !keys.every((key, index) => typeof key === 'string' && patterns[index]!.test(key))) throw bad();
  return keys as string[];
}

export const INTEGER = /^\d{1,18}$/;

/** Rows of one page out of one row more than fits, and the token of the next. */
export function pageOf<T>(rows: readonly T[], size: number, keys: (row: T) => (string | number | bigint)[]): { page: T[]; nextPageToken: string } {
  const page = rows.slice(0, size);
  return { page, nextPageToken: rows.length > size ? pageToken(keys(page.at(-1)!)) : '' };
}
