import { bytesToHex, concatBytes, hexToBytes, sha256, uint32be, utf8, uuidToBytes, walletBytes } from '@skein/kernel';

/** What a commit binds itself to. */
export interface Commitment {
  /** `tasks/{uuid}`. */
  readonly task: string;
  readonly epoch: number;
  /** CAIP-10. */
  readonly owner: string;
  /** 64 hex digits. */
  readonly artifactSha256: string;
  /** 64 hex digits, secret until the reveal. */
  readonly salt: string;
}

/**
 * The commit of a submission, 64 hex digits: sha256("skein/commit/v1\0" ‖ task id (16) ‖ epoch (uint32, big endian) ‖ owner
 * address (20) ‖ artifact SHA-256 (32) ‖ salt (32)).
 */
export function commitmentOf({ task, epoch, owner, artifactSha256, salt }: Commitment): string {
  const taskId = uuidToBytes(task.replace(/^tasks\//, ''));
  return bytesToHex(sha256(concatBytes(utf8('skein/commit/v1\0'), taskId, uint32be(epoch), walletBytes(owner), hexToBytes(artifactSha256), hexToBytes(salt))));
}
