import { bytesToHex, concatBytes, hexToBytes, sha256, uint32be, utf8, uuidToBytes, walletBytes } from '@skein/kernel';

/** What a sealed vote binds its maker to. `sha256` is the aggregate it computed, `salt` 64 hex digits. */
export interface VoteSeal {
  readonly task: string;
  readonly round: number;
  readonly node: string;
  readonly score: 1 | -1;
  readonly sha256: string;
  readonly salt: string;
}

/** sha256("skein/vote/v1\0" ‖ task id (16) ‖ round (uint32) ‖ address (20) ‖ score (01 or ff) ‖ aggregate (32) ‖ salt (32)), hex. */
export function sealOf({ task, round, node, score, sha256: aggregate, salt }: VoteSeal): string {
  const id = uuidToBytes(task.slice(task.lastIndexOf('/') + 1));
  const fields = [id, uint32be(round), walletBytes(node), Uint8Array.of(score === 1 ? 0x01 : 0xff), hexToBytes(aggregate), hexToBytes(salt)];
  return bytesToHex(sha256(concatBytes(utf8('skein/vote/v1\0'), ...fields)));
}
