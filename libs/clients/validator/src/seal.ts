import { bytesToHex, concatBytes, hexToBytes, int64be, sha256, utf8, uuidToBytes } from '@skein/kernel';

/** What a seal binds its maker to. */
export interface Seal {
  /** `assignments/{uuid}`. */
  readonly assignment: string;
  /** The score in nano-units. */
  readonly scoreNano: bigint;
  /** 64 hex digits, secret until the reveal. */
  readonly salt: string;
}

/** The seal of a score, 64 hex digits: sha256("skein/score/v1\0" ‖ assignment id (16) ‖ score (int64, big endian) ‖ salt (32)). */
export function sealOf({ assignment, scoreNano, salt }: Seal): string {
  const id = uuidToBytes(assignment.replace(/^assignments\//, ''));
  return bytesToHex(sha256(concatBytes(utf8('skein/score/v1\0'), id, int64be(scoreNano), hexToBytes(salt))));
}

/** The 64 bits of a double as 16 hex digits, big endian. */
export function resultBits(score: number): string {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, score);
  return bytesToHex(bytes);
}
