import { bytesToHex } from '@skein/kernel';
import type { RunProfile } from './types.js';

/** The profile that scores are pinned to. */
export const pinnedProfile: RunProfile = { executionProvider: 'cpu', graphOptimisation: 'all', threads: 1, batchSize: 256 };

/** The 64 bits of a double as 16 lower-case hex digits, big endian. */
export function doubleBits(value: number): string {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return bytesToHex(bytes);
}
