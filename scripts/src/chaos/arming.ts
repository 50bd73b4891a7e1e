/** What a process is told. */
export interface Arming {
  /** Gets the name of every failpoint that is hit, one a line. */
  readonly hits: string;
  /** Is made by whichever process kills itself; where it is there already nobody does. */
  readonly killed: string;
  /** kill -9 at the `at`-th hit (from 1) of a failpoint. */
  readonly kill?: { readonly name: string; readonly at: number };
  /** How far the wall clock is wrong, in milliseconds; the monotonic one is right. */
  readonly clockMs?: number;
  /** The clock is right until `CLOCK_SIGNAL` comes, and then steps. */
  readonly clockSteps?: true;
  /** Deliveries of this log are repeated, delayed and mixed between keys; the seed begins the draws. */
  readonly deliveries?: { readonly seed: number; readonly log: 'embedded' | 'kafka' };
}

/** Makes the clock of a process step that has one which steps. */
export const CLOCK_SIGNAL = 'SIGUSR2';

/** Line that says that this process has killed itself. */
export const KILLED = '# killed';
