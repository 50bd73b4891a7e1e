import { ok, reject, type Decider, type Rejection, type Result } from '@skein/kernel';
import type { BlockRef } from '../facts.js';
import type { Difference, ReconciliationEvent, ReconciliationFrozen } from './reconciliation.events.js';

/** Payouts must stop. Repeating it while they are stopped changes nothing. */
export interface Freeze {
  readonly kind: 'freeze';
  readonly chainId: number;
  readonly asOf: BlockRef;
  readonly rule: string;
  readonly reason: string;
  readonly differences: readonly Difference[];
}

/** An operator has found out why, and lets payouts go on. */
export interface Thaw {
  readonly kind: 'thaw';
  readonly chainId: number;
  readonly reason: string;
  readonly actor: string;
}

export interface ReconciliationState {
  readonly frozen?: ReconciliationFrozen['data'];
}

/** Differences that one event names. */
export const DIFFERENCES_MAX = 50;

function decide(command: Freeze | Thaw, { frozen }: ReconciliationState): Result<readonly ReconciliationEvent[], Rejection> {
  const { chainId, reason } = command;
  if (command.kind === 'thaw') {
    if (frozen === undefined) return reject('failed-precondition', 'not-frozen', 'payouts are not frozen');
    return ok([{ type: 'skein.staking.reconciliation.thawed.v1', data: { chainId, reason, actor: command.actor } }]);
  }
  if (frozen !== undefined) return ok([]);
  const { asOf, rule, differences } = command;
  return ok([{ type: 'skein.staking.reconciliation.frozen.v1', data: { chainId, asOf, rule, reason, differences: differences.slice(0, DIFFERENCES_MAX) } }]);
}

/** Whether payouts may rest on the stakes of one chain. */
export const reconciliationDecider: Decider<ReconciliationState, Freeze | Thaw, ReconciliationEvent> = {
  initialState: () => ({}),
  decide,
  evolve: (_state, event) => (event.type === 'skein.staking.reconciliation.frozen.v1' ? { frozen: event.data } : {}),
};
