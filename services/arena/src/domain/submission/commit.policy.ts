import { bytesToHex, concatBytes, hexToBytes, sha256, uint32be, utf8, uuidToBytes, walletBytes } from '@skein/kernel';

/** What a commit binds: task, epoch, owner, artifact and salt (the latter two as 64 hex digits). */
export interface CommitPreimage {
  readonly taskId: string;
  readonly epoch: number;
  readonly owner: string;
  readonly artifactSha256: string;
  readonly salt: string;
}

/** sha256("skein/commit/v1\0" ‖ task id (16) ‖ epoch (uint32) ‖ owner address (20) ‖ artifact SHA-256 (32) ‖ salt (32)) as hex. */
export function commitHash({ taskId, epoch, owner, artifactSha256, salt }: CommitPreimage): string {
  const preimage = concatBytes(
    utf8('skein/commit/v1\0'),
    uuidToBytes(taskId),
    uint32be(epoch),
    walletBytes(owner),
    hexToBytes(artifactSha256),
    hexToBytes(salt),
  );
  return bytesToHex(sha256(preimage));
}
