import type { DomainEvent } from '@skein/kernel';
import type { OwnerShare } from '../charge/split.policy.js';
import type { AccountSpec } from './account.js';
import type { Link } from './hash-chain.policy.js';
import type { Transfer, TransferCode } from './transfer.js';

export type LedgerKind = 'customer' | 'task-rewards' | 'federated-pool';

/** A ledger holds one asset. `subject` is what it belongs to: customers/…, tasks/…, federatedTasks/…. */
export type LedgerOpened = DomainEvent<
  'skein.billing.ledger.opened.v1',
  { ledgerId: string; kind: LedgerKind; subject: string; asset: string; scale: number; atMs: number }
>;

export type AccountsOpened = DomainEvent<'skein.billing.ledger.accounts-opened.v1', { accounts: readonly AccountSpec[] }>;

/** One link of the ledger's hash chain: transfers that stand, in order. */
export type TransfersApplied = DomainEvent<
  'skein.billing.ledger.transfers-applied.v1',
  { transfers: readonly Transfer[]; atMs: number } & Link
>;

/** Ids that stay failed. */
export type TransfersRefused = DomainEvent<
  'skein.billing.ledger.transfers-refused.v1',
  { transfers: readonly { id: string; code: TransferCode }[]; atMs: number }
>;

export type CreditBought = DomainEvent<
  'skein.billing.ledger.credit-bought.v1',
  { customer: string; purchaseId: string; amount: bigint; reference: string; atMs: number }
>;

/** Terms of charging, written once per ledger and named by their hash afterwards. */
export type TermsPinned = DomainEvent<
  'skein.billing.ledger.terms-pinned.v1',
  { termsId: string; modelVersion: string; sharesVersion: number; shares: readonly OwnerShare[]; computeProvider: string; platformBps: number }
>;

/** Credit held for one call at one price. */
export type CreditReserved = DomainEvent<
  'skein.billing.ledger.credit-reserved.v1',
  {
    customer: string;
    reservationId: string;
    keyId: string;
    amount: bigint;
    priceVersion: number;
    unitPriceE15: bigint;
    termsId: string;
    expiresAtMs: number;
    atMs: number;
  }
>;

export interface ChargePart {
  readonly class: string;
  readonly payee: string;
  readonly amount: bigint;
}

/** A call was charged; says how the amount came about and where it went. `paidFrom` receivable: the hold had expired. */
export type CallCharged = DomainEvent<
  'skein.billing.ledger.call-charged.v1',
  {
    customer: string;
    reservationId: string;
    keyId: string;
    modelVersion: string;
    priceVersion: number;
    unitPriceE15: bigint;
    units: number;
    exactE15: bigint;
    /** Exact sum at this price so far, whose rounding the charge follows. */
    sumE15: bigint;
    gross: bigint;
    compute: bigint;
    platform: bigint;
    parts: readonly ChargePart[];
    paidFrom: 'hold' | 'credit' | 'receivable';
    atMs: number;
  }
>;

export type CreditReleased = DomainEvent<
  'skein.billing.ledger.credit-released.v1',
  { customer: string; reservationId: string; amount: bigint; reason: string; atMs: number }
>;

/** A decision of another service was booked, once: `source` names the message, `amount` is what came in by it. */
export type Booked = DomainEvent<
  'skein.billing.ledger.booked.v1',
  { subject: string; source: string; what: string; amount: bigint; atMs: number }
>;

export type LedgerEvent =
  | LedgerOpened
  | AccountsOpened
  | TransfersApplied
  | TransfersRefused
  | CreditBought
  | TermsPinned
  | CreditReserved
  | CallCharged
  | CreditReleased
  | Booked;
