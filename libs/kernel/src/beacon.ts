import { bytesToHex, concatBytes, lengthPrefixed, sha256, uint32be, utf8 } from './hash.js';

/** What a public random value is for: the request that created the task, a word for what is drawn, and the round. */
export interface BeaconPurpose {
  readonly requestId: string;
  readonly what: string;
  readonly round: number;
}

/** A public random value with its origin, as recorded in the event: 64 hex digits. */
export interface BeaconDraw {
  readonly kind: 'seeded' | 'block';
  readonly value: string;
}

/** Port: public randomness that nobody controls and everybody can check (`block`), or a devnet's seed (`seeded`). */
export interface Beacon {
  draw(purpose: BeaconPurpose): Promise<BeaconDraw>;
}

/** The seeded beacon's value (64 hex digits): sha256(tag ‖ seed ‖ requestId ‖ what ‖ round), texts with their lengths. */
export function seededBeacon(seed: string, requestId: string, what: string, round: number): string {
  const fields = [seed, requestId, what].map(lengthPrefixed);
  return bytesToHex(sha256(concatBytes(utf8('skein/beacon/v1\0'), ...fields, uint32be(round))));
}

/** Beacon for devnets: every value follows from one configured seed. */
export class SeededBeacon implements Beacon {
  readonly #seed: string;
  constructor(seed: string) {
    this.#seed = seed;
  }
  async draw({ requestId, what, round }: BeaconPurpose): Promise<BeaconDraw> {
    return { kind: 'seeded', value: seededBeacon(this.#seed, requestId, what, round) };
  }
}
