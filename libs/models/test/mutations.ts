import { DeterministicRandom, utf8 } from '@skein/kernel';

/** The same `count` damaged copies of `valid` in every run: bytes changed, cut out, put in, and parts doubled or dropped. */
export function mutationsOf(valid: Uint8Array, count: number): Uint8Array[] {
  const rng = new DeterministicRandom(utf8('mutations'));
  return Array.from({ length: count }, (_, i) => {
    let bytes = [...valid];
    for (let changes = i % 2 === 0 ? 1 : 1 + rng.intBelow(8); changes > 0; changes--) {
      const at = rng.intBelow(bytes.length);
      const kind = i % 4 === 0 ? 0 : rng.intBelow(4);
      if (kind === 0) bytes[at] = rng.intBelow(256);
      else if (kind === 1) bytes.splice(at, 1 + rng.intBelow(16));
      else if (kind === 2) bytes.splice(at, 0, ...rng.bytes(1 + rng.intBelow(16)));
      else bytes = [...bytes.slice(0, at), ...bytes.slice(rng.intBelow(bytes.length))];
      if (bytes.length === 0) bytes = [0];
    }
    return Uint8Array.from(bytes);
  });
}
