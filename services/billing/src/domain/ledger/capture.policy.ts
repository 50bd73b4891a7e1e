import type { Rejection, Result } from '@skein/kernel';
import { assert, ok, reject } from '@skein/kernel';
import { aggregateOf, charge, costUnits } from '../charge/rate-aggregate.policy.js';
import { splitCharge } from '../charge/split.policy.js';
import { available } from './account.js';
import { compose } from './compose.policy.js';
import { ACCOUNTS, holdId, payableAccount, resolutionId } from './customer-accounts.js';
import type { CaptureCredit, ChargeTerms } from './ledger.commands.js';
import type { ChargePart, LedgerEvent } from './ledger.events.js';
import type { Hold, LedgerState } from './ledger.state.js';
import { rateKey } from './ledger.state.js';
import type { TransferRequest } from './transfer.js';

type Decision = Result<readonly LedgerEvent[], Rejection>;

/** Charges what ran under a reservation and splits it, once. A capture that already happened changes nothing. */
export function captureCredit(command: CaptureCredit, state: LedgerState): Decision {
  const { reservationId } = command;
  const hold = state.holds.get(reservationId);
  if (!hold) return withoutHold(command);
  const terms = state.terms.get(hold.termsId);
  assert(terms, 'terms are pinned before a hold names them');
  const exactE15 = BigInt(command.units) * hold.unitPriceE15;
  const { aggregate, amount: gross } = charge(state.rates.get(rateKey(terms.modelVersion, hold.priceVersion)) ?? aggregateOf(command.past.sumE15 ?? 0n), exactE15);
  if (gross > hold.amount) return reject('failed-precondition', 'capture-exceeds-reserve', `${gross} is more than the ${hold.amount} reserved`, 'units');
  return charged(command, state, hold, terms, { gross, exactE15, sumE15: aggregate.exactE15 });
}

function withoutHold({ reservationId, past }: CaptureCredit): Decision {
  if (past.gross !== undefined) return ok([]);
  if (past.amount === undefined && !past.forestalled) return reject('not-found', 'reservation-unknown', `no reservation ${reservationId}`, 'reservation_id');
  return reject('failed-precondition', 'reservation-voided', `reservation ${reservationId} was voided`, 'reservation_id');
}

/** A hold that expired has freed its money: the charge then takes credit if there is enough, else it is owed. */
function chargeRequest(state: LedgerState, hold: Hold, gross: bigint, source: string, nowMs: number) {
  const { reservationId } = hold;
  const due = hold.expired || nowMs >= hold.expiresAtMs;
  const end = { id: resolutionId(reservationId), pendingId: holdId(reservationId), code: 'call-charge', source };
  if (!due && gross > 0n) return { paidFrom: 'hold', requests: [{ ...end, kind: 'post-pending', amount: gross }] } as const;
  const free: TransferRequest[] = hold.expired ? [] : [{ ...end, kind: due ? 'expire-pending' : 'void-pending', code: 'call-release' }];
  if (gross === 0n) return { paidFrom: 'hold', requests: free } as const;
  const freed = available(state.books.accounts.get(ACCOUNTS.credit)) + (hold.expired ? 0n : hold.amount);
  const paidFrom = freed >= gross ? 'credit' : 'receivable';
  const debit = paidFrom === 'credit' ? ACCOUNTS.credit : ACCOUNTS.receivable;
  const direct = { id: `${reservationId}/charge`, kind: 'posted', debit, credit: ACCOUNTS.clearing, amount: gross, code: 'call-charge', source } as const;
  return { paidFrom, requests: [...free, direct] } as const;
}

function charged(
  command: CaptureCredit,
  state: LedgerState,
  hold: Hold,
  terms: ChargeTerms,
  price: { gross: bigint; exactE15: bigint; sumE15: bigint },
): Decision {
  const { reservationId, nowMs } = command;
  const { gross } = price;
  const split = splitCharge({ gross, computeCost: costUnits(command.computeCostE15), platformBps: terms.platformBps, shares: terms.shares, transferId: reservationId });
  const parts = terms.shares.map(({ class: partClass, payee }, index): ChargePart => ({ class: partClass, payee, amount: split.parts[index]! }));
  const payees = [{ class: 'compute', payee: terms.computeProvider, amount: split.compute }, ...parts].filter(({ amount }) => amount > 0n);
  const { paidFrom, requests } = chargeRequest(state, hold, gross, terms.modelVersion, nowMs);
  const fromClearing = { kind: 'posted', debit: ACCOUNTS.clearing, code: 'call-split', source: terms.modelVersion } as const;
  const platform: TransferRequest[] = split.platform > 0n ? [{ ...fromClearing, id: `${reservationId}/platform`, credit: ACCOUNTS.revenue, amount: split.platform }] : [];
  const paid = payees.map(({ class: partClass, payee, amount }, index): TransferRequest => ({
    ...fromClearing,
    id: `${reservationId}/part/${index}`,
    credit: payableAccount(partClass, payee).id,
    amount,
    maturesAtMs: nowMs + command.holdBackMs,
  }));
  const { keyId, priceVersion, unitPriceE15 } = hold;
  return compose(state, undefined, nowMs)
    .open(payees.map(({ class: partClass, payee }) => payableAccount(partClass, payee)))
    .applyAll([...requests, ...platform, ...paid])
    .record({
      type: 'skein.billing.ledger.call-charged.v1',
      data: {
        customer: state.ledger!.subject, reservationId, keyId, modelVersion: terms.modelVersion, priceVersion, unitPriceE15, units: command.units,
        ...price, compute: split.compute, platform: split.platform, parts, paidFrom, atMs: nowMs,
      },
    });
}
