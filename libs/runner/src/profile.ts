import { bytesToHex, canonicalJson, sha256Hex } from '@skein/kernel';
import type { ReplayManifest, RunProfile } from './types.js';

/** The profile that scores are pinned to. */
export const pinnedProfile: RunProfile = { executionProvider: 'cpu', graphOptimisation: 'all', threads: 1, batchSize: 256 };

/** The 64 bits of a double as 16 lower-case hex digits, big endian. */
export function doubleBits(value: number): string {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return bytesToHex(bytes);
}

/** SHA-256 (hex) of a manifest: `skein/replay/v1\0` ‖ its canonical JSON. */
export const manifestSha256 = (manifest: ReplayManifest): string => sha256Hex(`skein/replay/v1\0${canonicalJson(manifest)}`);
