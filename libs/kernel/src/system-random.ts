import { randomFillSync } from 'node:crypto';
import type { RandomSource } from './random.js';

/** Each request for random bytes costs about as much as for 4 KiB of them. */
const POOL_BYTES = 4_096;

/** The system's random bytes, fetched in advance: fit for ids, not for keys, since what is next lies in memory. */
class SystemRandom implements RandomSource {
  readonly #pool = new Uint8Array(POOL_BYTES);
  #used = POOL_BYTES;

  bytes(count: number): Uint8Array {
    if (count > POOL_BYTES) return randomFillSync(new Uint8Array(count));
    if (this.#used + count > POOL_BYTES) {
      randomFillSync(this.#pool);
      this.#used = 0;
    }
    const bytes = this.#pool.slice(this.#used, this.#used + count);
    // Given out once: nothing that is in an id stays here.
    this.#pool.fill(0, this.#used, this.#used + count);
    this.#used += count;
    return bytes;
  }
}

/** The system's random bytes for ids. */
export const systemRandom: RandomSource = new SystemRandom();
