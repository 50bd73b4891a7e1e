/** A transfer as it is asked for. The id is the client's; `linked` ties it to the next one of the batch. */
export interface TransferRequest {
  readonly id: string;
  readonly kind: 'posted' | 'pending' | 'post-pending' | 'void-pending' | 'expire-pending';
  /** Accounts; left out by what resolves a pending transfer, which takes that one's. */
  readonly debit?: string;
  readonly credit?: string;
  /** Base units, more than zero; left out, `post-pending` posts the whole. */
  readonly amount?: bigint;
  readonly pendingId?: string;
  /** Life of a pending transfer; 0 or absent: it waits for ever. */
  readonly timeoutMs?: number;
  readonly linked?: boolean;
  /** What it is for, such as `call-split`. */
  readonly code: string;
  /** Where the money comes from, as statements show it: `models/pima/versions/1`. */
  readonly source?: string;
  /** Until when it is held back from being paid out. */
  readonly maturesAtMs?: number;
}

/** A transfer that took effect, complete in itself, so that a reader needs no other event to apply it. */
export interface Transfer {
  readonly id: string;
  readonly kind: TransferRequest['kind'];
  readonly debit: string;
  readonly credit: string;
  /** What moved: 0 for void and expire. */
  readonly amount: bigint;
  readonly code: string;
  readonly pendingId?: string;
  /** Amount of the pending transfer that ended with this one. */
  readonly pendingAmount?: bigint;
  readonly timeoutMs?: number;
  readonly expiresAtMs?: number;
  readonly source?: string;
  readonly maturesAtMs?: number;
}

/** What the ledger knows of an id. */
export type TransferRecord =
  | { readonly transfer: Transfer; readonly resolution?: 'post-pending' | 'void-pending' | 'expire-pending' }
  | { readonly failed: TransferCode };

/** Outcome of one transfer of a batch. `created` and `exists` mean that it stands; everything else that it does not. */
export type TransferCode =
  | 'created'
  | 'exists'
  | 'exists-with-different-kind'
  | 'exists-with-different-debit-account'
  | 'exists-with-different-credit-account'
  | 'exists-with-different-amount'
  | 'exists-with-different-pending-id'
  | 'exists-with-different-timeout'
  | 'exists-with-different-code'
  | 'exists-with-different-source'
  | 'id-already-failed'
  | 'linked-chain-open'
  | 'linked-transfer-failed'
  | 'amount-must-be-positive'
  | 'accounts-must-be-different'
  | 'debit-account-not-found'
  | 'credit-account-not-found'
  | 'exceeds-credits'
  | 'exceeds-debits'
  | 'pending-transfer-not-found'
  | 'pending-transfer-not-pending'
  | 'pending-transfer-already-posted'
  | 'pending-transfer-already-voided'
  | 'pending-transfer-expired'
  | 'pending-transfer-not-due'
  | 'exceeds-pending-amount';

/** Failures that depend on the moment: an id that met one stays failed, or a retry could succeed behind the client's back. */
const TRANSIENT: ReadonlySet<TransferCode> = new Set([
  'debit-account-not-found',
  'credit-account-not-found',
  'exceeds-credits',
  'exceeds-debits',
  'pending-transfer-not-found',
]);

export const staysFailed = (code: TransferCode): boolean => TRANSIENT.has(code);

/** The result of a request whose id is known already. */
export function compareWithRecord(request: TransferRequest, record: TransferRecord): TransferCode {
  if ('failed' in record) return 'id-already-failed';
  const { transfer } = record;
  if (request.kind !== transfer.kind) return 'exists-with-different-kind';
  if (request.pendingId !== transfer.pendingId) return 'exists-with-different-pending-id';
  if (request.debit !== undefined && request.debit !== transfer.debit) return 'exists-with-different-debit-account';
  if (request.credit !== undefined && request.credit !== transfer.credit) return 'exists-with-different-credit-account';
  const whole = request.kind === 'post-pending' ? transfer.pendingAmount : 0n;
  if ((request.amount ?? whole) !== transfer.amount) return 'exists-with-different-amount';
  if ((request.timeoutMs ?? 0) !== (transfer.timeoutMs ?? 0)) return 'exists-with-different-timeout';
  if (request.code !== transfer.code) return 'exists-with-different-code';
  return request.source === transfer.source ? 'exists' : 'exists-with-different-source';
}
