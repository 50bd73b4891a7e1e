import { assert } from './assert.js';
import { concatBytes, int64be, sha256 } from './hash.js';

/** Where random bytes come from. */
export interface RandomSource {
  /** The next `count` bytes. */
  bytes(count: number): Uint8Array;
}

/**
 * Random numbers that anyone can check: the stream sha256(seed ‖ 0) ‖ sha256(seed ‖ 1) ‖ … with the counter as int64 big
 * endian. Equal seeds give equal numbers for ever.
 */
export class DeterministicRandom implements RandomSource {
  readonly #seed: Uint8Array;
  #counter = 0n;
  #block: Uint8Array = new Uint8Array(0);
  #used = 0;

  constructor(seed: Uint8Array) {
    this.#seed = seed.slice();
  }

  bytes(count: number): Uint8Array {
    const out = new Uint8Array(count);
    for (let at = 0; at < count; ) {
      if (this.#used === this.#block.length) {
        this.#block = sha256(concatBytes(this.#seed, int64be(this.#counter++)));
        this.#used = 0;
      }
      const part = this.#block.subarray(this.#used, this.#used + count - at);
      out.set(part, at);
      at += part.length;
      this.#used += part.length;
    }
    return out;
  }

  /** Uniform in [0, bound), without modulo bias. */
  bigintBelow(bound: bigint): bigint {
    return bigintBelow(this, bound);
  }

  /** Uniform integer in [0, bound). */
  intBelow(bound: number): number {
    return Number(bigintBelow(this, BigInt(bound)));
  }

  /** Uniform double in [0, 1) with 53 random bits. Never for money. */
  float(): number {
    return Number(bigintBelow(this, 1n << 53n)) / 2 ** 53;
  }
}

/** Uniform in [0, bound) from any source: the fewest bytes that hold the bound, surplus bits masked, larger values drawn again. */
export function bigintBelow(rng: RandomSource, bound: bigint): bigint {
  assert(bound > 0n, 'a random bound is positive');
  if (bound === 1n) return 0n;
  const bits = (bound - 1n).toString(2).length;
  const size = Math.ceil(bits / 8);
  for (;;) {
    let value = 0n;
    for (const byte of rng.bytes(size)) value = (value << 8n) | BigInt(byte);
    value &= (1n << BigInt(bits)) - 1n;
    if (value < bound) return value;
  }
}

/** Fisher–Yates: a new array in random order. The result depends on the order of the input, so sort it first. */
export function shuffle<T>(rng: RandomSource, items: readonly T[]): T[] {
  const out = [...items];
  for (let last = out.length - 1; last > 0; last--) {
    const pick = Number(bigintBelow(rng, BigInt(last + 1)));
    [out[last], out[pick]] = [out[pick]!, out[last]!];
  }
  return out;
}

/**
 * Up to `count` different items, one after another, each drawn with probability proportional to its weight among those
 * left. Items of weight 0 are never drawn. The result depends on the order of the input, so sort it first.
 */
export function weightedDraw<T>(rng: RandomSource, items: readonly T[], weights: readonly bigint[], count: number): T[] {
  assert(items.length === weights.length, 'every item has a weight');
  assert(weights.every((weight) => weight >= 0n), 'no weight is negative');
  const left = items.map((item, index) => ({ item, weight: weights[index]! })).filter(({ weight }) => weight > 0n);
  let total = left.reduce((sum, { weight }) => sum + weight, 0n);
  const drawn: T[] = [];
  while (drawn.length < count && left.length > 0) {
    let ticket = bigintBelow(rng, total);
    const at = left.findIndex(({ weight }) => (ticket -= weight) < 0n);
    const [winner] = left.splice(at, 1);
    total -= winner!.weight;
    drawn.push(winner!.item);
  }
  return drawn;
}
