import type { Facts } from './final-state.js';
import type { Run } from './stage.js';

/** One performance on a running cluster. */
export interface Performance {
  /** Plays to the end; `at` is told of each moment as it comes. Throws where something cannot be as it should. */
  play(at: (moment: string) => void): Promise<void>;
  /** What an undisturbed and a disturbed performance must share, once nothing is left to do. */
  facts(): Promise<Facts>;
  /** What cannot be in any sound state, beside what every play's stores are asked for. */
  broken?(): Promise<readonly string[]>;
  /** Ends clients and connections, however far it came. */
  close(): Promise<void>;
}

/** What is played while something is broken. */
export interface Play {
  /** Moments in their order, to which a fault may be bound. */
  readonly moments: readonly string[];
  /** By service that calls others: the moment from which it does. */
  readonly calling: Readonly<Record<'validation' | 'marketplace', string>>;
  begin(run: Run): Promise<Performance>;
}
