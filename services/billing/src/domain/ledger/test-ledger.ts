import type { Result } from '@skein/kernel';
import { fold, unwrap } from '@skein/kernel';
import type { ChargeTerms, LedgerCommand, LedgerIdentity, ReserveCredit } from './ledger.commands.js';
import { ledgerDecider } from './ledger.decider.js';
import type { LedgerEvent } from './ledger.events.js';
import type { LedgerState } from './ledger.state.js';

/** Shared by the specs of the ledger: identities, terms and a way to play commands. */
export const LEDGER: LedgerIdentity = { ledgerId: 'ledger-c', kind: 'customer', subject: 'customers/c', asset: 'USD', scale: 9 };

export const TERMS: ChargeTerms = {
  modelVersion: 'models/pima/versions/1',
  sharesVersion: 1,
  shares: [
    { class: 'developer', payee: 'eip155:1:0xd', bps: 4500 },
    { class: 'data', payee: 'eip155:1:0xa', bps: 2500 },
    { class: 'parents', payee: 'eip155:1:0xb', bps: 2000 },
    { class: 'validators', payee: 'eip155:1:0xc', bps: 1000 },
  ],
  computeProvider: 'eip155:1:0xe',
  platformBps: 1000,
};

export const buy = (amount: bigint, purchaseId = 'p1'): LedgerCommand => ({
  type: 'buy-credit', ledger: LEDGER, purchaseId, amount, reference: `test-${purchaseId}`, nowMs: 1_000,
});

export const reserve = (reservationId: string, amount: bigint, more: Partial<ReserveCredit> = {}): LedgerCommand => ({
  type: 'reserve-credit', customer: 'customers/c', reservationId, keyId: 'k1', amount, priceVersion: 1, unitPriceE15: 1_001_000_000n,
  holdMs: 60_000, terms: TERMS, nowMs: 2_000, ...more,
});

export const capture = (reservationId: string, units = 1, computeCostE15 = 300_000_000n, nowMs = 3_000): LedgerCommand => ({
  type: 'capture-credit', reservationId, units, computeCostE15, holdBackMs: 0, nowMs,
});

export const release = (reservationId: string, reason = 'failed', nowMs = 3_000): LedgerCommand => ({ type: 'release-credit', reservationId, reason, nowMs });

/** Events of the commands played one after another; a refused one throws. */
export function play(...commands: readonly LedgerCommand[]): LedgerEvent[] {
  const events: LedgerEvent[] = [];
  let state = ledgerDecider.initialState();
  for (const command of commands) {
    const decided = unwrap(ledgerDecider.decide(command, state));
    events.push(...decided);
    state = fold(ledgerDecider, decided, state);
  }
  return events;
}

/** Plays a command and returns the state after it and the decision; a refusal leaves the state as it was. */
export function step(state: LedgerState, command: LedgerCommand): { state: LedgerState; decided: Result<readonly LedgerEvent[]> } {
  const decided = ledgerDecider.decide(command, state);
  return { state: decided.ok ? fold(ledgerDecider, decided.value, state) : state, decided };
}
