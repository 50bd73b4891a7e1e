import type { Result } from '@skein/kernel';
import { fold, unwrap } from '@skein/kernel';
import type { ChargeTerms, LedgerCommand, LedgerIdentity, ReserveCredit } from './ledger.commands.js';
import { ledgerDecider } from './ledger.decider.js';
import type { LedgerEvent } from './ledger.events.js';
import { rateKey, type LedgerState } from './ledger.state.js';
import { keyOf, keysOf, NO_PAST, pastBookingOf, pastOf } from './past.js';

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
  type: 'buy-credit', ledger: LEDGER, purchaseId, amount, reference: `test-${purchaseId}`, past: NO_PAST, nowMs: 1_000,
});

export const reserve = (reservationId: string, amount: bigint, more: Partial<ReserveCredit> = {}): LedgerCommand => ({
  type: 'reserve-credit', customer: 'customers/c', reservationId, keyId: 'k1', amount, priceVersion: 1, unitPriceE15: 1_001_000_000n,
  holdMs: 60_000, terms: TERMS, past: NO_PAST, nowMs: 2_000, ...more,
});

export const capture = (reservationId: string, units = 1, computeCostE15 = 300_000_000n, nowMs = 3_000): LedgerCommand => ({
  type: 'capture-credit', reservationId, units, computeCostE15, holdBackMs: 0, past: NO_PAST, nowMs,
});

export const release = (reservationId: string, reason = 'failed', nowMs = 3_000): LedgerCommand => ({ type: 'release-credit', reservationId, reason, past: NO_PAST, nowMs });

/** A ledger as far as it was played. */
export interface Played {
  readonly state: LedgerState;
  readonly log: readonly LedgerEvent[];
}

export const nothingPlayed = (): Played => ({ state: ledgerDecider.initialState(), log: [] });

/** The command with what the log says of its reservation or purchase, as the application asks for it. */
export function informed(command: LedgerCommand, { state, log }: Played): LedgerCommand {
  if (command.type === 'apply-transfers') return command;
  if (command.type === 'book-decision') {
    const at = log.findIndex((event) => event.type === 'skein.billing.ledger.booked.v1' && event.data.source === command.source);
    return { ...command, past: at < 0 ? undefined : pastBookingOf(log.slice(0, at + 1)) };
  }
  const id = command.type === 'buy-credit' ? command.purchaseId : command.reservationId;
  const hold = state.holds.get(id);
  if (!hold) return { ...command, past: pastOf(log.filter((event) => keysOf(id).includes(keyOf(event) ?? ''))) };
  const modelVersion = state.terms.get(hold.termsId)?.modelVersion ?? '';
  if (state.rates.has(rateKey(modelVersion, hold.priceVersion))) return { ...command, past: NO_PAST };
  const charged = log.findLast((event) => event.type === 'skein.billing.ledger.call-charged.v1' && event.data.modelVersion === modelVersion && event.data.priceVersion === hold.priceVersion);
  return { ...command, past: charged?.type === 'skein.billing.ledger.call-charged.v1' ? { sumE15: charged.data.sumE15 } : NO_PAST };
}

/** Plays a command; a refusal leaves everything as it was. */
export function step(played: Played, command: LedgerCommand): Played & { readonly decided: Result<readonly LedgerEvent[]> } {
  const decided = ledgerDecider.decide(informed(command, played), played.state);
  if (!decided.ok) return { ...played, decided };
  return { state: fold(ledgerDecider, decided.value, played.state), log: [...played.log, ...decided.value], decided };
}

/** Events of the commands played one after another; a refused one throws. */
export function play(...commands: readonly LedgerCommand[]): LedgerEvent[] {
  let played = nothingPlayed();
  for (const command of commands) {
    const next = step(played, command);
    unwrap(next.decided);
    played = next;
  }
  return [...played.log];
}
