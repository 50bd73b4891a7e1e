import { SystemClock, type Clock } from './clock.js';
import { bytesToUuid, concatBytes, lengthPrefixed, sha256, utf8 } from './hash.js';
import { systemRandom } from './system-random.js';

/** Where new identifiers come from; tests hand in a predictable one. */
export interface IdSource {
  /** A new lower-case UUID version 7. */
  uuidV7(): string;
}

function stamp(bytes: Uint8Array, version: number): string {
  bytes[6] = (bytes[6]! & 0x0f) | (version << 4);
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytesToUuid(bytes);
}

/** UUID version 8: the SHA-256 of the parts (each with its length), so that equal parts always give the same id. */
export function uuidV8From(...parts: readonly (string | Uint8Array | number | bigint)[]): string {
  const fields = parts.map((part) => lengthPrefixed(part instanceof Uint8Array ? part : String(part)));
  return stamp(sha256(concatBytes(utf8('skein/uuid/v1\0'), ...fields)).slice(0, 16), 8);
}

/** UUID version 7 from a time in epoch milliseconds and 10 random bytes. */
export function uuidV7From(timeMs: number, random: Uint8Array): string {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(timeMs) << 16n);
  bytes.set(random.subarray(0, 10), 6);
  return stamp(bytes, 7);
}

/** Identifiers of a running process. */
export class SystemIds implements IdSource {
  readonly #clock: Clock;
  constructor(clock: Clock = new SystemClock()) {
    this.#clock = clock;
  }
  uuidV7(): string {
    return uuidV7From(this.#clock.nowMs(), systemRandom.bytes(10));
  }
}
