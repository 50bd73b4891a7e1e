import { assert } from '@skein/kernel';
import { aggregateOf, type RateAggregate } from '../charge/rate-aggregate.policy.js';
import type { Books } from './books.js';
import { emptyBooks, forgetting, Overlay } from './books.js';
import { GENESIS } from './hash-chain.policy.js';
import type { ChargeTerms } from './ledger.commands.js';
import type { CallCharged, CreditReserved, LedgerEvent, LedgerOpened } from './ledger.events.js';

/** A reservation that is neither captured nor voided. After `expired` the money is free again, but usage may still come. */
export interface Hold extends Omit<CreditReserved['data'], 'customer'> {
  readonly expired: boolean;
}

/** What the next command needs: what is open, and sums. What is over is in the log, and comes back from there as `Past`. */
export interface LedgerState {
  readonly ledger: LedgerOpened['data'] | undefined;
  readonly books: Books;
  readonly head: string;
  readonly holds: ReadonlyMap<string, Hold>;
  readonly terms: ReadonlyMap<string, ChargeTerms>;
  /** By model version and price version: of each model the price used last, and those of open reservations. */
  readonly rates: ReadonlyMap<string, RateAggregate>;
  /** By API key: what it has spent and what is held for it. */
  readonly committedByKey: ReadonlyMap<string, bigint>;
}

/** Under this code a release notes the id of a hold that it came before: the log knows it, the state need not. */
export const FORESTALLED = 'pending-transfer-already-voided' as const;

export const initialLedger = (): LedgerState => ({
  ledger: undefined,
  books: emptyBooks(),
  head: GENESIS,
  holds: new Map(),
  terms: new Map(),
  rates: new Map(),
  committedByKey: new Map(),
});

export const rateKey = (modelVersion: string, priceVersion: number): string => `${modelVersion}#${priceVersion}`;

const withEntry = <Key, Value>(map: ReadonlyMap<Key, Value>, key: Key, value: Value): ReadonlyMap<Key, Value> => new Map(map).set(key, value);

function withoutKey<Key, Value>(map: ReadonlyMap<Key, Value>, key: Key): ReadonlyMap<Key, Value> {
  const copy = new Map(map);
  copy.delete(key);
  return copy;
}

function commit(state: LedgerState, keyId: string, by: bigint): ReadonlyMap<string, bigint> {
  return withEntry(state.committedByKey, keyId, (state.committedByKey.get(keyId) ?? 0n) + by);
}

function changed(books: Books, change: (overlay: Overlay) => void): Books {
  const overlay = new Overlay(books);
  change(overlay);
  return overlay.toBooks(books);
}

export function evolveLedger(state: LedgerState, event: LedgerEvent): LedgerState {
  switch (event.type) {
    case 'skein.billing.ledger.opened.v1':
      return { ...state, ledger: event.data };
    case 'skein.billing.ledger.accounts-opened.v1':
      return { ...state, books: changed(state.books, (overlay) => overlay.open(event.data.accounts)) };
    case 'skein.billing.ledger.transfers-applied.v1':
      return {
        ...state,
        head: event.data.hash,
        books: changed(state.books, (overlay) => event.data.transfers.forEach((transfer) => overlay.apply(transfer))),
      };
    case 'skein.billing.ledger.transfers-refused.v1':
      return {
        ...state,
        books: changed(state.books, (overlay) => {
          for (const { id, code } of event.data.transfers) if (code !== FORESTALLED) overlay.putRecord(id, { failed: code });
        }),
      };
    case 'skein.billing.ledger.terms-pinned.v1': {
      const { termsId, ...terms } = event.data;
      return { ...state, terms: withEntry(state.terms, termsId, terms) };
    }
    case 'skein.billing.ledger.credit-reserved.v1':
      return reserved(state, event.data);
    case 'skein.billing.ledger.call-charged.v1':
      return charged(state, event.data);
    case 'skein.billing.ledger.credit-released.v1':
      return released(state, event.data);
    case 'skein.billing.ledger.credit-bought.v1':
      return { ...state, books: forgetting(state.books, event.data.purchaseId) };
    case 'skein.billing.ledger.booked.v1':
      return { ...state, books: forgetting(state.books, event.data.source) };
  }
}

function reserved(state: LedgerState, data: CreditReserved['data']): LedgerState {
  return {
    ...state,
    holds: withEntry(state.holds, data.reservationId, { ...data, expired: false }),
    committedByKey: commit(state, data.keyId, data.amount),
  };
}

/** Without the prices of the model that neither this charge nor an open reservation is at: the log knows how far they came. */
function currentRates({ rates, holds, terms }: LedgerState, { modelVersion, priceVersion }: CallCharged['data']): LedgerState['rates'] {
  if (rates.has(rateKey(modelVersion, priceVersion))) return rates;
  const open = new Set([...holds.values()].map((hold) => rateKey(terms.get(hold.termsId)?.modelVersion ?? '', hold.priceVersion)));
  return new Map([...rates].filter(([key]) => open.has(key) || !key.startsWith(`${modelVersion}#`)));
}

function charged(state: LedgerState, data: CallCharged['data']): LedgerState {
  const hold = state.holds.get(data.reservationId);
  assert(hold, 'a charge ends a hold');
  return {
    ...state,
    holds: withoutKey(state.holds, data.reservationId),
    rates: withEntry(currentRates(state, data), rateKey(data.modelVersion, data.priceVersion), aggregateOf(data.sumE15)),
    committedByKey: commit(state, data.keyId, data.gross - (hold.expired ? 0n : hold.amount)),
    books: forgetting(state.books, data.reservationId),
  };
}

function released(state: LedgerState, data: { reservationId: string; reason: string }): LedgerState {
  const hold = state.holds.get(data.reservationId);
  assert(hold, 'a release ends a hold');
  const committedByKey = hold.expired ? state.committedByKey : commit(state, hold.keyId, -hold.amount);
  return data.reason === 'expired'
    ? { ...state, holds: withEntry(state.holds, data.reservationId, { ...hold, expired: true }), committedByKey }
    : { ...state, holds: withoutKey(state.holds, data.reservationId), committedByKey, books: forgetting(state.books, data.reservationId) };
}
