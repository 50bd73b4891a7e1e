import type { OwnerShare } from '../charge/split.policy.js';
import type { AccountSpec } from './account.js';
import type { LedgerKind } from './ledger.events.js';
import type { Past, PastBooking } from './past.js';
import type { TransferRequest } from './transfer.js';

/** What a ledger is; its first command carries it. */
export interface LedgerIdentity {
  readonly ledgerId: string;
  readonly kind: LedgerKind;
  readonly subject: string;
  readonly asset: string;
  readonly scale: number;
}

/** Any transfers, with a result code each; the accounts are opened where they are not yet. */
export interface ApplyTransfers {
  readonly type: 'apply-transfers';
  readonly ledger: LedgerIdentity;
  readonly accounts: readonly AccountSpec[];
  readonly transfers: readonly TransferRequest[];
  readonly nowMs: number;
}

/** Credits a payment that the adapter has taken. */
export interface BuyCredit {
  readonly type: 'buy-credit';
  readonly ledger: LedgerIdentity;
  readonly purchaseId: string;
  readonly amount: bigint;
  readonly reference: string;
  readonly past: Past;
  readonly nowMs: number;
}

export interface ChargeTerms {
  readonly modelVersion: string;
  readonly sharesVersion: number;
  readonly shares: readonly OwnerShare[];
  readonly computeProvider: string;
  readonly platformBps: number;
}

export interface ReserveCredit {
  readonly type: 'reserve-credit';
  readonly customer: string;
  readonly reservationId: string;
  readonly keyId: string;
  /** The most that the key may spend in all; absent for no cap. */
  readonly keyCap?: bigint;
  readonly amount: bigint;
  readonly priceVersion: number;
  readonly unitPriceE15: bigint;
  readonly holdMs: number;
  readonly terms: ChargeTerms;
  readonly past: Past;
  readonly nowMs: number;
}

export interface CaptureCredit {
  readonly type: 'capture-credit';
  readonly reservationId: string;
  readonly units: number;
  readonly computeCostE15: bigint;
  /** Hold-back before the payees' parts are payable. */
  readonly holdBackMs: number;
  readonly past: Past;
  readonly nowMs: number;
}

export interface ReleaseCredit {
  readonly type: 'release-credit';
  readonly reservationId: string;
  /** `expired` releases only what is due; anything else voids. */
  readonly reason: string;
  readonly past: Past;
  readonly nowMs: number;
}

/** Books another service's decision as one chain, once per `source`. */
export interface BookDecision {
  readonly type: 'book-decision';
  readonly ledger: LedgerIdentity;
  readonly source: string;
  readonly what: string;
  readonly amount: bigint;
  readonly accounts: readonly AccountSpec[];
  readonly transfers: readonly TransferRequest[];
  /** What the other service says an account holds afterwards (credits − debits): a difference stops the booking. */
  readonly expect?: { readonly account: string; readonly balance: bigint };
  readonly past: PastBooking | undefined;
  readonly nowMs: number;
}

export type LedgerCommand = ApplyTransfers | BuyCredit | ReserveCredit | CaptureCredit | ReleaseCredit | BookDecision;
