import type { DeterministicRandom } from '@skein/kernel';
import type { Disturbance, Ground } from './attempt.js';
import type { Stage } from './stage.js';

/** One seed's way to break something. */
export interface Prepared {
  readonly disturbance: Disturbance;
  /** Who is hit and when, for the report. */
  readonly story: string;
  /** How often the fault really struck, asked after the run. */
  readonly struck: (hits: ReadonlyMap<string, ReadonlyMap<string, number>>) => number;
  /** Where it needs parts of its own instead of the common ones. */
  readonly stage?: Stage;
}

/** A way to break something that is no kill at a failpoint. */
export interface Fault {
  readonly name: string;
  readonly what: string;
  /** What is known to go wrong: the fault stays in the suite and out of CI's slice until that is mended. */
  readonly knownDefect?: string;
  /** Why it cannot be done here; undefined where it can. */
  readonly impossible?: () => Promise<string | undefined>;
  prepare(ground: Ground, random: DeterministicRandom): Promise<Prepared>;
}
