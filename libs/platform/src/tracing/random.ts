import { randomBytes } from 'node:crypto';

/** For the ids of spans. */
export const random = { bytes: (size: number): Uint8Array => new Uint8Array(randomBytes(size)) };
