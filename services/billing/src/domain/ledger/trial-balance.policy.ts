import type { Account } from './account.js';

/** Sums over accounts, in base units of one asset. */
export interface TrialBalance {
  readonly debitsPosted: bigint;
  readonly creditsPosted: bigint;
  readonly debitsPending: bigint;
  readonly creditsPending: bigint;
  /** |debits − credits|, posted and pending together: 0 in a sound ledger. */
  readonly difference: bigint;
}

const magnitude = (value: bigint): bigint => (value < 0n ? -value : value);

/** Debits and credits of the accounts; they must be equal, posted and pending each. */
export function trialBalance(accounts: Iterable<Account>): TrialBalance {
  let [debitsPosted, creditsPosted, debitsPending, creditsPending] = [0n, 0n, 0n, 0n];
  for (const account of accounts) {
    debitsPosted += account.debitsPosted;
    creditsPosted += account.creditsPosted;
    debitsPending += account.debitsPending;
    creditsPending += account.creditsPending;
  }
  const difference = magnitude(debitsPosted - creditsPosted) + magnitude(debitsPending - creditsPending);
  return { debitsPosted, creditsPosted, debitsPending, creditsPending, difference };
}
