import { utf8 } from '@skein/kernel';

const SEED = 0x9747b28c;
const MULTIPLIER = 0x5bd1e995;

function mix(word: number): number {
  const scaled = Math.imul(word, MULTIPLIER);
  return Math.imul(scaled ^ (scaled >>> 24), MULTIPLIER);
}

/** MurmurHash2, 32 bits, as Kafka's default partitioner uses it: the same key lands in the same partition on either log. */
export function murmur2(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole = bytes.length & ~3;
  let hash = SEED ^ bytes.length;
  for (let at = 0; at < whole; at += 4) hash = Math.imul(hash, MULTIPLIER) ^ mix(view.getInt32(at, true));
  if (bytes.length > whole) {
    for (let at = bytes.length - 1; at >= whole; at--) hash ^= bytes[at]! << ((at - whole) * 8);
    hash = Math.imul(hash, MULTIPLIER);
  }
  hash = Math.imul(hash ^ (hash >>> 13), MULTIPLIER);
  return hash ^ (hash >>> 15);
}

/** The partition of a key: stable for ever, which is why a topic's partition count never changes. */
export function partitionOf(key: string, partitions: number): number {
  return (murmur2(utf8(key)) & 0x7fffffff) % partitions;
}
