import { Inject, Injectable } from '@nestjs/common';
import type { Effect, EventMetadata, EventStore, Executed, InboxEntry, Recorded } from '@skein/events';
import { RejectionError, unwrap, uuidV8From } from '@skein/kernel';
import { CONFIG, EVENT_STORE, type CallContext, type Settings } from '@skein/platform';
import { failpoint } from '@skein/telemetry';
import { available } from '../domain/ledger/account.js';
import { ACCOUNTS } from '../domain/ledger/customer-accounts.js';
import type { BuyCredit, CaptureCredit, ChargeTerms, ReleaseCredit, ReserveCredit } from '../domain/ledger/ledger.commands.js';
import { ledgerDecider } from '../domain/ledger/ledger.decider.js';
import type { LedgerEvent } from '../domain/ledger/ledger.events.js';
import { rateKey, type LedgerState } from '../domain/ledger/ledger.state.js';
import { NO_PAST, type Past } from '../domain/ledger/past.js';
import type { Payments } from './payment.port.js';
import { PAYMENTS } from './payment.port.js';
import { Customers } from './customers.js';
import { LEDGER_HISTORY, type LedgerHistory } from './ledger-history.port.js';
import { customerLedger, ledgerStream } from './names.js';
import type { BillingSettings } from './settings.js';

/** What a customer has, in USD units of 10^-9. */
export interface CreditBalance {
  readonly available: bigint;
  readonly reserved: bigint;
  readonly spent: bigint;
  readonly receivable: bigint;
}

/** Kind of the timer that ends a hold. */
export const HOLD_EXPIRY = 'hold-expiry';

export interface HoldExpiry {
  readonly customerId: string;
  readonly reservationId: string;
}

const timerId = (reservationId: string): string => `${HOLD_EXPIRY}-${reservationId}`;

/** Every hold has a timer, written and removed with it. */
function holdTimers(customerId: string, events: readonly Recorded<LedgerEvent>[]): Effect[] {
  return events.flatMap((event): Effect[] => {
    if (event.type === 'skein.billing.ledger.credit-reserved.v1') {
      const { reservationId, expiresAtMs } = event.data;
      const payload: HoldExpiry = { customerId, reservationId };
      return [{ timer: { id: timerId(reservationId), kind: HOLD_EXPIRY, dueAtMs: expiresAtMs, payload } }];
    }
    const over = event.type === 'skein.billing.ledger.call-charged.v1' || event.type === 'skein.billing.ledger.credit-released.v1';
    return over ? [{ cancelTimer: { id: timerId(event.data.reservationId) } }] : [];
  });
}

const grossOf = (reservationId: string, events: readonly Recorded<LedgerEvent>[], past: Past): bigint => {
  const charged = events.find((event) => event.type === 'skein.billing.ledger.call-charged.v1');
  const gross = charged?.data.gross ?? past.gross;
  if (gross === undefined) throw new Error(`reservation ${reservationId} was captured without a charge`);
  return gross;
};

/** What the state has forgotten, from the log: of an open reservation at most how far its price came, of any other everything. */
export async function pastFor(history: LedgerHistory, ledgerId: string, id: string, state: LedgerState, version: number): Promise<Past> {
  const hold = state.holds.get(id);
  if (!hold) return history.past(ledgerId, id, version);
  const modelVersion = state.terms.get(hold.termsId)?.modelVersion ?? '';
  return state.rates.has(rateKey(modelVersion, hold.priceVersion)) ? NO_PAST : { sumE15: await history.usedAt(ledgerId, modelVersion, hold.priceVersion, version) };
}

/** Prepaid credit: buying, reserving, capturing, releasing. Every command is one transaction on the customer's ledger. */
@Injectable()
export class Credit {
  readonly #store: EventStore;
  readonly #customers: Customers;
  readonly #payments: Payments;
  readonly #history: LedgerHistory;
  readonly #settings: BillingSettings;

  constructor(
    @Inject(EVENT_STORE) store: EventStore, @Inject(Customers) customers: Customers, @Inject(PAYMENTS) payments: Payments,
    @Inject(LEDGER_HISTORY) history: LedgerHistory, @Inject(CONFIG) settings: Settings,
  ) {
    this.#store = store;
    this.#history = history;
    this.#customers = customers;
    this.#payments = payments;
    this.#settings = settings.own as BillingSettings;
  }

  async buy(customerId: string, amount: bigint, method: string, call: CallContext): Promise<Executed<CreditBalance & { reference: string }>> {
    const ledger = customerLedger(customerId);
    const purchaseId = uuidV8From('purchase', customerId, call.requestId ?? '');
    let reference = '';
    return unwrap(
      await this.#store.execute({
        decider: ledgerDecider,
        streamId: ledger.ledgerId,
        command: async (nowMs, state, version): Promise<BuyCredit> => {
          const past = await pastFor(this.#history, ledger.ledgerId, purchaseId, state, version);
          // The adapter takes a purchase once; a crash before the append finds the same payment on the retry.
          ({ reference } = unwrap(await this.#payments.charge({ purchaseId, amount, method })));
          failpoint('payment.charged');
          return { type: 'buy-credit', ledger, purchaseId, amount, reference, past, nowMs };
        },
        metadata: call.metadata(),
        key: call.key('buy-credit', { forever: true }),
        answer: (state) => ({ ...balanceOf(state), reference }),
      }),
    );
  }

  async reserve(
    customerId: string,
    request: Pick<ReserveCredit, 'reservationId' | 'keyId' | 'amount' | 'priceVersion' | 'unitPriceE15' | 'holdMs'> & { terms: Omit<ChargeTerms, 'platformBps'> },
    metadata: EventMetadata,
  ): Promise<Executed<{ available: bigint; expiresAtMs: number }>> {
    const key = (await this.#customers.find(customerId)).keys.get(request.keyId);
    if (!key || key.revokedAtMs !== 0) throw new RejectionError({ code: 'permission-denied', rule: 'api-key', message: 'the API key is not valid', field: 'key_id' });
    const terms: ChargeTerms = { ...request.terms, platformBps: this.#settings.PLATFORM_FEE_BPS };
    const keyCap = key.spendCap === null ? {} : { keyCap: key.spendCap };
    return unwrap(
      await this.#store.execute({
        decider: ledgerDecider,
        streamId: ledgerStream(customerId),
        command: async (nowMs, state, version): Promise<ReserveCredit> => {
          const past = await pastFor(this.#history, ledgerStream(customerId), request.reservationId, state, version);
          return { ...request, ...keyCap, terms, type: 'reserve-credit', customer: `customers/${customerId}`, past, nowMs };
        },
        metadata,
        effects: (events) => holdTimers(customerId, events),
        answer: (state) => ({ available: balanceOf(state).available, expiresAtMs: state.holds.get(request.reservationId)?.expiresAtMs ?? 0 }),
      }),
    );
  }

  /** Charges what ran. Called by the marketplace and again by its usage event: the reservation is charged by whichever comes first. */
  async capture(
    customerId: string,
    request: { reservationId: string; units: number; computeCostE15: bigint },
    metadata: EventMetadata,
    once: { inbox?: InboxEntry } = {},
  ): Promise<Executed<{ gross: bigint }>> {
    const { reservationId } = request;
    let past = NO_PAST;
    return unwrap(
      await this.#store.execute({
        decider: ledgerDecider,
        streamId: ledgerStream(customerId),
        command: async (nowMs, state, version): Promise<CaptureCredit> => {
          past = await pastFor(this.#history, ledgerStream(customerId), reservationId, state, version);
          return { ...request, type: 'capture-credit', holdBackMs: this.#settings.HOLD_BACK_MS, past, nowMs };
        },
        metadata,
        effects: (events) => holdTimers(customerId, events),
        answer: (_state, events) => ({ gross: grossOf(reservationId, events, past) }),
        ...once,
      }),
    );
  }

  async release(customerId: string, reservationId: string, reason: string, metadata: EventMetadata, once: { inbox?: InboxEntry } = {}): Promise<Executed<undefined>> {
    return unwrap(
      await this.#store.execute({
        decider: ledgerDecider,
        streamId: ledgerStream(customerId),
        command: async (nowMs, state, version): Promise<ReleaseCredit> => {
          const past = await pastFor(this.#history, ledgerStream(customerId), reservationId, state, version);
          return { type: 'release-credit', reservationId, reason, past, nowMs };
        },
        metadata,
        effects: (events) => holdTimers(customerId, events),
        ...once,
      }),
    );
  }

  async balance(customerId: string): Promise<CreditBalance> {
    return balanceOf((await this.#store.state(ledgerDecider, ledgerStream(customerId))).state);
  }
}

function balanceOf(state: LedgerState): CreditBalance {
  const credit = state.books.accounts.get(ACCOUNTS.credit);
  const receivable = state.books.accounts.get(ACCOUNTS.receivable);
  return {
    available: available(credit),
    reserved: credit?.debitsPending ?? 0n,
    spent: (credit?.debitsPosted ?? 0n) + (receivable?.debitsPosted ?? 0n),
    receivable: (receivable?.debitsPosted ?? 0n) - (receivable?.creditsPosted ?? 0n),
  };
}
