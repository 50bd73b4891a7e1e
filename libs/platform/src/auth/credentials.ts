import { createHash, timingSafeEqual } from 'node:crypto';
import { RejectionError } from '@skein/kernel';

/** A refusal to believe a credential: code `unauthenticated`, field `authorization`. Never repeats any part of it. */
export const unauthenticated = (rule: string, message: string): RejectionError =>
  new RejectionError({ code: 'unauthenticated', rule, message, field: 'authorization' });

/** SHA-256 of a text as lower-case hex, as configuration and directories hold secrets. */
export const sha256Text = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Compares two texts without telling by time where they differ. */
export function equalSecret(a: string, b: string): boolean {
  return timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest());
}
