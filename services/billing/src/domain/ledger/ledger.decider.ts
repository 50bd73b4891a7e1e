import type { Decider, Rejection, Result } from '@skein/kernel';
import { err, ok, reject } from '@skein/kernel';
import { chargeMax } from '../charge/rate-aggregate.policy.js';
import { captureCredit } from './capture.policy.js';
import { compose } from './compose.policy.js';
import type { BookDecision, BuyCredit, LedgerCommand, ReleaseCredit, ReserveCredit } from './ledger.commands.js';
import { available } from './account.js';
import type { LedgerEvent } from './ledger.events.js';
import type { LedgerState } from './ledger.state.js';
import { evolveLedger, FORESTALLED, initialLedger } from './ledger.state.js';
import { ACCOUNTS, customerAccounts, holdId, resolutionId } from './customer-accounts.js';
import { ledgerSnapshot } from './ledger.snapshot.js';
import type { PastBooking } from './past.js';
import { termsIdOf } from './terms.js';
import { compareWithRecord } from './transfer.js';

type Decision = Result<readonly LedgerEvent[], Rejection>;

/** Most transfers of one batch. */
export const BATCH_MAX = 8190;

function apply(command: Extract<LedgerCommand, { type: 'apply-transfers' }>, state: LedgerState): Decision {
  if (command.transfers.length > BATCH_MAX)
    return reject('invalid-argument', 'batch-too-large', `a batch holds at most ${BATCH_MAX} transfers`, 'transfers');
  return compose(state, command.ledger, command.nowMs).open(command.accounts).applyEach(command.transfers);
}

function buyCredit(command: BuyCredit, state: LedgerState): Decision {
  if (command.amount <= 0n) return reject('invalid-argument', 'positive', 'credit is bought in positive amounts', 'amount');
  const { purchaseId, amount, reference, past, nowMs } = command;
  if (past.amount !== undefined && past.amount !== amount)
    return reject('conflict', 'exists-with-different-amount', `purchase ${purchaseId} was made with another amount`, 'amount');
  if (past.amount !== undefined) return ok([]);
  return compose(state, command.ledger, nowMs)
    .open(customerAccounts)
    .applyAll([
      { id: `${purchaseId}/credit`, kind: 'posted', debit: ACCOUNTS.clearing, credit: ACCOUNTS.credit, amount, code: 'credit-purchase' },
      { id: `${purchaseId}/settlement`, kind: 'posted', debit: ACCOUNTS.bank, credit: ACCOUNTS.clearing, amount, code: 'payment-settlement' },
    ])
    .record({
      type: 'skein.billing.ledger.credit-bought.v1',
      data: { customer: command.ledger.subject, purchaseId, amount, reference, atMs: nowMs },
    });
}

function reserveCredit(command: ReserveCredit, state: LedgerState): Decision {
  const { reservationId, past } = command;
  if (past.forestalled) return releasedBefore(reservationId);
  const held = state.holds.get(reservationId)?.amount ?? past.amount;
  if (held !== undefined) return held === command.amount ? ok([]) : alreadyUsed(reservationId);
  if (command.amount < chargeMax(command.unitPriceE15))
    return reject('invalid-argument', 'reserve-below-one-unit', 'a reservation covers at least one unit at its price', 'units_max');
  const missing = missingCredit(command, state);
  if (missing > 0n) return creditMissing(missing);
  const overCap = command.keyCap === undefined ? 0n : (state.committedByKey.get(command.keyId) ?? 0n) + command.amount - command.keyCap;
  if (overCap > 0n) return reject('payment-required', 'key-spend-cap', `the key's spend cap is exceeded by ${overCap} base units of USD (10^-9)`);
  return hold(command, state);
}

const creditMissing = (missing: bigint) =>
  reject('payment-required', 'insufficient-credit', `credit is missing: ${missing} base units of USD (10^-9)`);

const alreadyUsed = (reservationId: string) =>
  reject('conflict', 'exists-with-different-amount', `reservation ${reservationId} was made with another amount`, 'reservation_id');

/** Whoever asked has given up meanwhile, or is about to: another attempt has another reservation. */
const releasedBefore = (reservationId: string): Result<never, Rejection> =>
  err({ code: 'unavailable', rule: 'reservation-released', message: `reservation ${reservationId} was released before it was made`, field: 'reservation_id', retriable: true });

function missingCredit(command: ReserveCredit, state: LedgerState): bigint {
  const missing = command.amount - available(state.books.accounts.get(ACCOUNTS.credit));
  return missing > 0n ? missing : 0n;
}

function hold(command: ReserveCredit, state: LedgerState): Decision {
  const { customer, reservationId, keyId, amount, priceVersion, unitPriceE15, holdMs, terms, nowMs } = command;
  const termsId = termsIdOf(terms);
  const pinned: LedgerEvent[] = state.terms.has(termsId) ? [] : [{ type: 'skein.billing.ledger.terms-pinned.v1', data: { termsId, ...terms } }];
  const request = { id: holdId(reservationId), kind: 'pending', debit: ACCOUNTS.credit, credit: ACCOUNTS.clearing, amount, timeoutMs: holdMs, code: 'call-hold', source: terms.modelVersion } as const;
  const data = { customer, reservationId, keyId, amount, priceVersion, unitPriceE15, termsId, expiresAtMs: nowMs + holdMs, atMs: nowMs };
  return compose(state, undefined, nowMs)
    .applyAll([request])
    .record(...pinned, { type: 'skein.billing.ledger.credit-reserved.v1', data });
}

/** With these a reservation was answered: nothing of it is still on its way. A timer ends only what was there. */
const ANSWERED = new Set(['insufficient-credit', 'key-spend-cap', 'api-key', 'reserve-below-one-unit', 'expired']);

/**
 * A release may overtake its reservation: a call is given up while its request lies in a network that is cut, and the request
 * arrives when nobody will capture or release it any more. So its id stays failed, or the money would be held until it expires.
 */
function forestalled({ reservationId, reason, past, nowMs }: ReleaseCredit, state: LedgerState): Decision {
  if (state.ledger === undefined || ANSWERED.has(reason) || past.amount !== undefined || past.forestalled) return ok([]);
  const transfers = [{ id: holdId(reservationId), code: FORESTALLED }];
  return ok([{ type: 'skein.billing.ledger.transfers-refused.v1', data: { transfers, atMs: nowMs } }]);
}

function releaseCredit(command: ReleaseCredit, state: LedgerState): Decision {
  const { reservationId, reason, past, nowMs } = command;
  if (past.gross !== undefined)
    return reject('failed-precondition', 'reservation-captured', `reservation ${reservationId} was captured`, 'reservation_id');
  const held = state.holds.get(reservationId);
  if (!held) return forestalled(command, state);
  if (held.expired && reason === 'expired') return ok([]);
  const data = { customer: state.ledger!.subject, reservationId, amount: held.expired ? 0n : held.amount, reason, atMs: nowMs };
  const released: LedgerEvent = { type: 'skein.billing.ledger.credit-released.v1', data };
  if (held.expired) return ok([released]);
  const kind = reason === 'expired' ? 'expire-pending' : 'void-pending';
  const end = { id: resolutionId(reservationId), kind, pendingId: holdId(reservationId), code: 'call-release' } as const;
  return compose(state, undefined, nowMs).applyAll([end]).record(released);
}

/** The same booking again, transfer by transfer. */
const repeats = ({ what, amount, transfers }: BookDecision, past: PastBooking): boolean =>
  past.what === what && past.amount === amount && past.transfers.length === transfers.length &&
  transfers.every((request, index) => request.id === past.transfers[index]!.id && compareWithRecord(request, { transfer: past.transfers[index]! }) === 'exists');

function bookDecision(command: BookDecision, state: LedgerState): Decision {
  const { source, what, amount, past, nowMs, expect } = command;
  if (past) return repeats(command, past) ? ok([]) : reject('conflict', 'booking-differs', `${source} was booked before, and otherwise`, 'source');
  const booked: LedgerEvent = { type: 'skein.billing.ledger.booked.v1', data: { subject: command.ledger.subject, source, what, amount, atMs: nowMs } };
  const decision = compose(state, command.ledger, nowMs).open(command.accounts).applyAll(command.transfers).record(booked);
  if (!decision.ok || !expect) return decision;
  const account = decision.value.reduce(evolveLedger, state).books.accounts.get(expect.account);
  const balance = account === undefined ? 0n : account.creditsPosted - account.debitsPosted;
  if (balance === expect.balance) return decision;
  return reject('failed-precondition', 'balance-differs', `${expect.account} would hold ${balance}, ${source} says ${expect.balance}`);
}

function decide(command: LedgerCommand, state: LedgerState): Decision {
  if (state.ledger === undefined && command.type === 'reserve-credit') return creditMissing(command.amount);
  if (state.ledger === undefined && command.type === 'capture-credit')
    return reject('not-found', 'reservation-unknown', `no reservation ${command.reservationId}`, 'reservation_id');
  switch (command.type) {
    case 'apply-transfers':
      return apply(command, state);
    case 'buy-credit':
      return buyCredit(command, state);
    case 'reserve-credit':
      return reserveCredit(command, state);
    case 'capture-credit':
      return captureCredit(command, state);
    case 'release-credit':
      return releaseCredit(command, state);
    case 'book-decision':
      return bookDecision(command, state);
  }
}

/**
 * One ledger: the accounts of one customer, or of one task's rewards. All accounts that a transfer touches are in its
 * stream, whose lock the append takes, so no interleaving of two commands can overdraw a guarded account.
 */
export const ledgerDecider: Decider<LedgerState, LedgerCommand, LedgerEvent> = { initialState: initialLedger, decide, evolve: evolveLedger, snapshot: ledgerSnapshot };
