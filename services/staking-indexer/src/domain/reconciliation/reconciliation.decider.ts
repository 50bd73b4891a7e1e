import { ok, type Decider } from '@skein/kernel';
import type { BlockRef } from '../facts.js';
import type { Difference, ReconciliationEvent, ReconciliationFrozen, ReconciliationPassed } from './reconciliation.events.js';

/** Payouts must stop. Repeating it while they are stopped changes nothing. */
export interface Freeze {
  readonly kind: 'freeze';
  readonly chainId: number;
  readonly asOf: BlockRef;
  readonly rule: string;
  readonly reason: string;
  readonly differences: readonly Difference[];
  readonly nowMs: number;
}

/** Every total was the contract's. It lifts no freeze, and is said again only where the block is another or much of its time is over. */
export interface Pass {
  readonly kind: 'pass';
  readonly chainId: number;
  readonly asOf: BlockRef;
  readonly checkedAtMs: number;
  readonly holdsForMs: number;
  readonly nowMs: number;
}

/** An operator has found out why, and lets payouts go on. Said also where this log knows of no freeze: services may know of one from a log that is gone. */
export interface Thaw {
  readonly kind: 'thaw';
  readonly chainId: number;
  readonly reason: string;
  readonly actor: string;
  readonly nowMs: number;
}

export type ReconciliationCommand = Freeze | Pass | Thaw;

export interface ReconciliationState {
  readonly frozen?: ReconciliationFrozen['data'];
  readonly passed?: ReconciliationPassed['data'];
  /** When the stream began, 0 where its first event does not say; undefined before it. */
  readonly logSinceMs?: number;
}

/** Differences that one event names. */
export const DIFFERENCES_MAX = 50;

/** A comparison of the same block is said so many times while the first one holds: several may be lost. */
export const SAID_PER_HOLD = 10;

function saysNothing({ asOf, checkedAtMs, holdsForMs }: Pass, { frozen, passed }: ReconciliationState): boolean {
  if (frozen !== undefined) return true;
  if (passed === undefined || passed.asOf.hash !== asOf.hash || passed.holdsForMs !== holdsForMs) return false;
  // A clock that was set back says nothing about how much time is over.
  return Math.abs(checkedAtMs - passed.checkedAtMs) < holdsForMs / SAID_PER_HOLD;
}

function eventsOf(command: ReconciliationCommand, state: ReconciliationState): ReconciliationEvent[] {
  const { chainId, nowMs } = command;
  const said = { chainId, logSinceMs: state.logSinceMs ?? nowMs };
  switch (command.kind) {
    case 'thaw':
      return [{ type: 'skein.staking.reconciliation.thawed.v1', data: { ...said, reason: command.reason, actor: command.actor } }];
    case 'pass': {
      const { asOf, checkedAtMs, holdsForMs } = command;
      return saysNothing(command, state) ? [] : [{ type: 'skein.staking.reconciliation.passed.v1', data: { ...said, asOf, checkedAtMs, holdsForMs } }];
    }
    case 'freeze': {
      const { asOf, rule, reason, differences } = command;
      if (state.frozen !== undefined) return [];
      return [{ type: 'skein.staking.reconciliation.frozen.v1', data: { ...said, asOf, rule, reason, differences: differences.slice(0, DIFFERENCES_MAX) } }];
    }
  }
}

function evolve(state: ReconciliationState, event: ReconciliationEvent): ReconciliationState {
  const logSinceMs = state.logSinceMs ?? event.data.logSinceMs ?? 0;
  const { frozen: _, ...going } = state;
  switch (event.type) {
    case 'skein.staking.reconciliation.frozen.v1':
      return { ...state, logSinceMs, frozen: event.data };
    case 'skein.staking.reconciliation.passed.v1':
      return { ...state, logSinceMs, passed: event.data };
    case 'skein.staking.reconciliation.thawed.v1':
      return { ...going, logSinceMs };
  }
}

/** Whether payouts may rest on the stakes of one chain. */
export const reconciliationDecider: Decider<ReconciliationState, ReconciliationCommand, ReconciliationEvent> = {
  initialState: () => ({}),
  decide: (command, state) => ok(eventsOf(command, state)),
  evolve,
  snapshot: { name: 'reconciliation', version: 1, every: 500, encode: (state) => state, decode: (kept) => kept as ReconciliationState },
};
