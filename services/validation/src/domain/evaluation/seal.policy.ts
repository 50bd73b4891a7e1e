import { bytesToHex, concatBytes, hexToBytes, int64be, sha256, utf8, uuidToBytes } from '@skein/kernel';

const TAG = utf8('skein/score/v1\0');

/** sha256("skein/score/v1\0" ‖ assignment id (16) ‖ score in nano-units (int64, big endian) ‖ salt (32)), hex. */
export const sealOf = (assignmentId: string, scoreNano: bigint, salt: string): string =>
  bytesToHex(sha256(concatBytes(TAG, uuidToBytes(assignmentId), int64be(scoreNano), hexToBytes(salt))));
