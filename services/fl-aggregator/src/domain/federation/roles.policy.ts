import { DeterministicRandom, hexToBytes, shuffle } from '@skein/kernel';
import { PPM } from './manifest.js';

/** The cut of a round's participants. */
export interface Roles {
  readonly proposers: readonly string[];
  readonly voters: readonly string[];
}

/**
 * Cuts the participants by a shuffle that anyone can repeat: nodes sorted by id, Fisher–Yates from the recorded beacon value,
 * the first ⌈n · proposersPpm / 10⁶⌉ propose (at least one, and at least one is left to vote), the rest vote. Both lists sorted.
 */
export function drawRoles(participants: readonly string[], beaconValue: string, proposersPpm: number): Roles {
  const order = shuffle(new DeterministicRandom(hexToBytes(beaconValue)), [...participants].sort());
  const wanted = Math.ceil((order.length * proposersPpm) / PPM);
  const count = Math.max(1, Math.min(order.length - 1, wanted));
  return { proposers: order.slice(0, count).sort(), voters: order.slice(count).sort() };
}
