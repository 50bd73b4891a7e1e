import { bytesToHex, concatBytes, hexToBytes, sha256, uint32be, utf8, uuidToBytes } from './hash.js';
import { walletBytes } from './wallet.js';

const DOMAIN = utf8('skein/case/v1\0');
const ROLES = { node: 0, validator: 1 } as const;

const idOf = (...parts: readonly Uint8Array[]): string => `0x${bytesToHex(sha256(concatBytes(DOMAIN, ...parts)))}`;

/**
 * Case id of an accusation in an arena task, `0x` and 64 hex digits: SHA-256 of "skein/case/v1\0", task (16 bytes), role (1: node 0,
 * validator 1), the accused's address (20) and the evidence's SHA-256 (32). One accusation has one id.
 */
export function arenaCaseId(accusation: { readonly taskId: string; readonly role: 'node' | 'validator'; readonly wallet: string; readonly evidenceSha256: string }): string {
  const { taskId, role, wallet, evidenceSha256 } = accusation;
  return idOf(uuidToBytes(taskId), Uint8Array.of(ROLES[role]), walletBytes(wallet), hexToBytes(evidenceSha256));
}

/**
 * Case id of a slash in a federated round, `0x` and 64 hex digits: SHA-256 of "skein/case/v1\0", task (16 bytes), round (uint32 big
 * endian, from 1) and the member's address (20): a round slashes a member at most once.
 */
export const federationCaseId = (taskId: string, round: number, wallet: string): string => idOf(uuidToBytes(taskId), uint32be(round), walletBytes(wallet));
