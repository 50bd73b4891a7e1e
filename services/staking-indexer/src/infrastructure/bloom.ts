import { hexToBytes, keccak256, type Hex } from 'viem';

const known = new Map<Hex, readonly number[]>();

/** Bit positions (of 2 048) that a value sets in a block's log bloom filter (Ethereum yellow paper, 4.3.1). */
function positions(value: Hex): readonly number[] {
  let found = known.get(value);
  if (found === undefined) {
    const digest = hexToBytes(keccak256(value));
    found = [0, 2, 4].map((at) => ((digest[at]! << 8) | digest[at + 1]!) & 2047);
    known.set(value, found);
  }
  return found;
}

const holds = (bloom: Uint8Array, value: Hex): boolean =>
  positions(value).every((bit) => (bloom[255 - (bit >> 3)]! & (1 << (bit & 7))) !== 0);

const EMPTY = /^0x0*$/;

/** Whether a block can hold a log by one of `addresses` with one of `topics`. False is certain, true may be wrong. */
export function mayHold(logsBloom: Hex, addresses: Iterable<Hex>, topics: readonly Hex[]): boolean {
  if (EMPTY.test(logsBloom)) return false;
  const bloom = hexToBytes(logsBloom);
  if (!topics.some((topic) => holds(bloom, topic))) return false;
  for (const address of addresses) if (holds(bloom, address)) return true;
  return false;
}
