import type { DecideRoots } from './decide-roots.js';
import type { GrantPools } from './grant-pools.js';
import type { OutboxDesk } from './outbox-desk.js';
import type { OutboxStore } from './outbox-store.js';
import type { RunOutbox } from './run-outbox.js';
import type { TakeCases } from './take-cases.js';
import type { TakeDecisions } from './take-decisions.js';

/** What brings decisions to the chain; undefined where no signer is configured. */
export type Outbox =
  | {
      readonly store: OutboxStore;
      readonly desk: OutboxDesk;
      readonly run: RunOutbox;
      readonly roots: DecideRoots;
      readonly pools: GrantPools;
      readonly decisions: TakeDecisions;
      readonly cases: TakeCases;
    }
  | undefined;

/** `Outbox`. */
export const OUTBOX = Symbol('OUTBOX');
/** `OutboxQueries`. */
export const OUTBOX_QUERIES = Symbol('OUTBOX_QUERIES');
/** `Claims`. */
export const CLAIMS = Symbol('CLAIMS');
