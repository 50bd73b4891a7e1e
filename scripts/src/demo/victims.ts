import { DeterministicRandom, sha256 } from '@skein/kernel';

const AT_ONCE_MAX = 3;

/** Which processes of a cluster a kill hits: all of it once in three times, else one to three of its services' processes. */
export class Victims {
  private readonly random: DeterministicRandom;

  constructor(seed: number) {
    this.random = new DeterministicRandom(sha256(new TextEncoder().encode(`skein/demo/victims/${seed}`)));
  }

  /** Draws some of `processes`, or says that the whole is hit. */
  draw<T>(processes: readonly T[]): readonly T[] | 'whole' {
    if (this.random.intBelow(3) === 0) return 'whole';
    const left = [...processes];
    const count = Math.min(1 + this.random.intBelow(AT_ONCE_MAX), left.length);
    return Array.from({ length: count }, () => left.splice(this.random.intBelow(left.length), 1)[0] as T);
  }
}
