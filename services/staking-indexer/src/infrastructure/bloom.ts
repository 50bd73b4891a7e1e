import { hexToBytes, keccak256, type Hex } from 'viem';

/** Bit positions (of 2 048) that a value sets in a block's log bloom filter (Ethereum yellow paper, 4.3.1). */
function positions(value: Hex): number[] {
  const digest = hexToBytes(keccak256(value));
  return [0, 2, 4].map((at) => ((digest[at]! << 8) | digest[at + 1]!) & 2047);
}

const holds = (bloom: Uint8Array, value: Hex): boolean =>
  positions(value).every((bit) => (bloom[255 - (bit >> 3)]! & (1 << (bit & 7))) !== 0);

/** Whether a block can hold a log by one of `addresses` with one of `topics`. False is certain, true may be wrong. */
export function mayHold(logsBloom: Hex, addresses: readonly Hex[], topics: readonly Hex[]): boolean {
  const bloom = hexToBytes(logsBloom);
  return addresses.some((address) => holds(bloom, address)) && topics.some((topic) => holds(bloom, topic));
}
