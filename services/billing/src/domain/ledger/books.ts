import { assert } from '@skein/kernel';
import type { Account, AccountSpec } from './account.js';
import { newAccount } from './account.js';
import type { Transfer, TransferRecord } from './transfer.js';

/** Accounts and known transfer ids of one ledger. */
export interface Books {
  readonly accounts: ReadonlyMap<string, Account>;
  readonly transfers: ReadonlyMap<string, TransferRecord>;
}

export const emptyBooks = (): Books => ({ accounts: new Map(), transfers: new Map() });

/** Without the transfers of an operation that is over: their ids begin with its own. */
export function forgetting({ accounts, transfers }: Books, operation: string): Books {
  const kept = new Map(transfers);
  for (const id of transfers.keys()) if (id.startsWith(`${operation}/`)) kept.delete(id);
  return { accounts, transfers: kept };
}

/**
 * Changes on top of books that may still be dropped: a linked chain works on an overlay of the batch's overlay, and only
 * a chain that succeeded as a whole is merged down.
 */
export class Overlay {
  readonly #below: Books | Overlay;
  readonly #accounts = new Map<string, Account>();
  readonly #records = new Map<string, TransferRecord>();

  constructor(below: Books | Overlay) {
    this.#below = below;
  }

  account(id: string): Account | undefined {
    return this.#accounts.get(id) ?? (this.#below instanceof Overlay ? this.#below.account(id) : this.#below.accounts.get(id));
  }

  record(id: string): TransferRecord | undefined {
    return this.#records.get(id) ?? (this.#below instanceof Overlay ? this.#below.record(id) : this.#below.transfers.get(id));
  }

  putAccount(account: Account): void {
    this.#accounts.set(account.id, account);
  }

  putRecord(id: string, record: TransferRecord): void {
    this.#records.set(id, record);
  }

  open(specs: readonly AccountSpec[]): void {
    for (const spec of specs) this.putAccount(newAccount(spec));
  }

  /** Moves the amounts of a transfer that was found valid, and remembers its id. */
  apply(transfer: Transfer): void {
    const { debit, credit, amount } = transfer;
    if (transfer.kind === 'pending') this.#move(debit, credit, { pending: amount, posted: 0n });
    else this.#move(debit, credit, { pending: -(transfer.pendingAmount ?? 0n), posted: amount });
    if (transfer.pendingId !== undefined) this.#resolve(transfer.pendingId, transfer.kind);
    this.putRecord(transfer.id, { transfer });
  }

  #move(debit: string, credit: string, by: { pending: bigint; posted: bigint }): void {
    const from = this.account(debit);
    const to = this.account(credit);
    assert(from && to, `both accounts of a transfer exist: ${debit}, ${credit}`);
    this.putAccount({ ...from, debitsPending: from.debitsPending + by.pending, debitsPosted: from.debitsPosted + by.posted });
    this.putAccount({ ...to, creditsPending: to.creditsPending + by.pending, creditsPosted: to.creditsPosted + by.posted });
  }

  #resolve(pendingId: string, kind: Transfer['kind']): void {
    const record = this.record(pendingId);
    assert(record && 'transfer' in record && kind !== 'posted' && kind !== 'pending', `${pendingId} is resolved by its kind`);
    this.putRecord(pendingId, { transfer: record.transfer, resolution: kind });
  }

  /** Lets everything changed here count one level below. */
  mergeInto(below: Overlay): void {
    for (const account of this.#accounts.values()) below.putAccount(account);
    for (const [id, record] of this.#records) below.putRecord(id, record);
  }

  /** The books with everything changed here. */
  toBooks(books: Books): Books {
    return {
      accounts: this.#accounts.size === 0 ? books.accounts : new Map([...books.accounts, ...this.#accounts]),
      transfers: this.#records.size === 0 ? books.transfers : new Map([...books.transfers, ...this.#records]),
    };
  }
}
