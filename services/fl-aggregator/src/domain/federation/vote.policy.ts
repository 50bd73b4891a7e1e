import { bytesToHex, concatBytes, hexToBytes, sha256, uint32be, utf8, uuidToBytes, walletBytes } from '@skein/kernel';

/** What a voter seals. `sha256` and `salt` are 64 hex digits. */
export interface SealedVote {
  readonly taskId: string;
  readonly round: number;
  readonly node: string;
  readonly score: 1 | -1;
  readonly sha256: string;
  readonly salt: string;
}

/** sha256("skein/vote/v1\0" ‖ task id (16) ‖ round (uint32) ‖ voter's address (20) ‖ score (1 byte: 01 or ff) ‖ aggregate (32) ‖ salt (32)), as hex. */
export function voteCommitment(vote: SealedVote): string {
  const score = Uint8Array.of(vote.score === 1 ? 0x01 : 0xff);
  return bytesToHex(
    sha256(
      concatBytes(
        utf8('skein/vote/v1\0'),
        uuidToBytes(vote.taskId),
        uint32be(vote.round),
        walletBytes(vote.node),
        score,
        hexToBytes(vote.sha256),
        hexToBytes(vote.salt),
      ),
    ),
  );
}
