import type { AccountSpec } from './account.js';

/** Accounts of a customer's ledger. Payees' accounts follow as `payable.<class>/<payee>`. */
export const ACCOUNTS = {
  /** Prepaid credit; guarded against overdraft. */
  credit: 'credit.available',
  /** Calls that ran but could not be paid from credit. */
  receivable: 'receivable',
  /** Between a charge and its split, and between a payment and the bank; 0 after every command, but for open holds. */
  clearing: 'cash.clearing',
  /** What payment providers settled. */
  bank: 'cash.bank',
  /** The platform's fee. */
  revenue: 'revenue',
} as const;

export const customerAccounts: readonly AccountSpec[] = [
  { id: ACCOUNTS.credit, guard: 'debits-within-credits' },
  { id: ACCOUNTS.receivable, guard: 'none' },
  { id: ACCOUNTS.clearing, guard: 'none' },
  { id: ACCOUNTS.bank, guard: 'none' },
  { id: ACCOUNTS.revenue, guard: 'none' },
];

export const payableAccount = (partClass: string, payee: string): AccountSpec => ({ id: `payable.${partClass}/${payee}`, guard: 'none' });

/** Id of the pending transfer that holds a reservation's credit. */
export const holdId = (reservationId: string): string => `${reservationId}/hold`;

/** Id of the transfer that ends the hold: one id for capture, void and expiry, so that only one of them can ever stand. */
export const resolutionId = (reservationId: string): string => `${reservationId}/end`;
