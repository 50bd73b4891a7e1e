import { RejectionError } from '@skein/kernel';

/** Where a page ended, newest first: position of the opening event, then id. */
export interface PageKey {
  readonly position: string;
  readonly id: string;
}

/** Opaque token of the page behind a row. */
export const pageToken = ({ position, id }: PageKey): string => Buffer.from(JSON.stringify([position, id])).toString('base64url');

/** Reads a page token; anything else than one of ours is refused. */
export function readPageToken(token: string): PageKey | undefined {
  if (token === '') return undefined;
  try {
    const parts: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (Array.isArray(parts) && parts.length === 2 && /^\d{1,19}$/.test(String(parts[0])) && typeof parts[1] === 'string') return { position: String(parts[0]), id: parts[1] };
  } catch {
    // Falls through to the refusal: what was wrong with the text is of no use to the caller.
  }
  throw new RejectionError({ code: 'invalid-argument', rule: 'page-token', message: 'this is no page token of ours', field: 'page_token' });
}
