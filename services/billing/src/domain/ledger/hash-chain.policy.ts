import { bytesToHex, canonicalJson, concatBytes, hexToBytes, lengthPrefixed, sha256, utf8 } from '@skein/kernel';

const TAG = utf8('skein/ledger/v1\0');

/** Hash before the first entry. */
export const GENESIS = '0'.repeat(64);

/** Hash of an entry: SHA-256 of the tag, the previous hash (32 bytes) and the entry's canonical JSON with its length. */
export const chainHash = (previousHash: string, entry: unknown): string =>
  bytesToHex(sha256(concatBytes(TAG, hexToBytes(previousHash), lengthPrefixed(canonicalJson(entry)))));

/** One link: what was hashed, and the hashes around it. */
export interface Link {
  readonly previousHash: string;
  readonly hash: string;
}

/** Links the entries one after another, beginning behind `previousHash`. */
export function chain<Entry extends object>(previousHash: string, entries: readonly Entry[]): (Entry & Link)[] {
  let head = previousHash;
  return entries.map((entry) => {
    const link = { ...entry, previousHash: head, hash: chainHash(head, entry) };
    head = link.hash;
    return link;
  });
}

/** Index of the first entry whose hashes do not follow from its content and its predecessor, or -1. */
export function firstBrokenLink(links: readonly Link[]): number {
  let head = GENESIS;
  for (const [index, { previousHash, hash, ...entry }] of links.entries()) {
    if (previousHash !== head || hash !== chainHash(head, entry)) return index;
    head = hash;
  }
  return -1;
}
