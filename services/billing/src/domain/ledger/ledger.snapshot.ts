import { assert, type SnapshotCodec } from '@skein/kernel';
import type { RateAggregate } from '../charge/rate-aggregate.policy.js';
import type { Account } from './account.js';
import type { ChargeTerms } from './ledger.commands.js';
import type { Hold, LedgerState } from './ledger.state.js';
import type { TransferRecord } from './transfer.js';
import { trialBalance } from './trial-balance.policy.js';

/** A ledger's state as it is kept: maps as their entries, in order, so that equal states are equal texts. */
interface KeptLedger extends Pick<LedgerState, 'ledger' | 'head'> {
  readonly accounts: readonly Account[];
  readonly transfers: readonly (readonly [string, TransferRecord])[];
  readonly holds: readonly Hold[];
  readonly terms: readonly (readonly [string, ChargeTerms])[];
  readonly rates: readonly (readonly [string, RateAggregate])[];
  readonly committedByKey: readonly (readonly [string, bigint])[];
}

const sorted = <Value>(entries: Iterable<readonly [string, Value]>): (readonly [string, Value])[] => [...entries].sort(([a], [b]) => (a < b ? -1 : 1));

function encode({ ledger, head, books, holds, terms, rates, committedByKey }: LedgerState): KeptLedger {
  return {
    ledger, head, accounts: sorted(books.accounts).map(([, account]) => account), transfers: sorted(books.transfers), holds: sorted(holds).map(([, hold]) => hold),
    terms: sorted(terms), rates: sorted(rates), committedByKey: sorted(committedByKey),
  };
}

function decode(kept: unknown): LedgerState {
  const { ledger, head, accounts, transfers, holds, terms, rates, committedByKey } = kept as KeptLedger;
  assert(trialBalance(accounts).difference === 0n, 'a kept ledger balances');
  return {
    ledger, head, books: { accounts: new Map(accounts.map((account) => [account.id, account])), transfers: new Map(transfers) },
    holds: new Map(holds.map((hold) => [hold.reservationId, hold])), terms: new Map(terms), rates: new Map(rates), committedByKey: new Map(committedByKey),
  };
}

/**
 * So that a cold ledger costs the same whatever its age. Raise `version` with every change of `LedgerState` or `evolveLedger`: the
 * golden snapshot of the tests finds out when that is due. Version 1 was written by two programs, of which the first kept every price.
 */
export const ledgerSnapshot: SnapshotCodec<LedgerState> = { name: 'ledger', version: 2, every: 250, encode, decode };
