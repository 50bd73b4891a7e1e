/** What an account must never do: `debits-within-credits` is a wallet (no overdraft), `credits-within-debits` its mirror. */
export type Guard = 'none' | 'debits-within-credits' | 'credits-within-debits';

/** An account to open. Ids are dotted classes, with the payee behind a slash where there is one: `payable.data/eip155:…`. */
export interface AccountSpec {
  readonly id: string;
  readonly guard: Guard;
}

/** Debits and credits of one account, posted and pending, in base units. */
export interface Account extends AccountSpec {
  readonly debitsPosted: bigint;
  readonly creditsPosted: bigint;
  readonly debitsPending: bigint;
  readonly creditsPending: bigint;
}

export const newAccount = (spec: AccountSpec): Account => ({
  ...spec,
  debitsPosted: 0n,
  creditsPosted: 0n,
  debitsPending: 0n,
  creditsPending: 0n,
});

/** What a guarded account can still be debited: pending debits already count as gone. */
export const available = (account: Account | undefined): bigint =>
  account === undefined ? 0n : account.creditsPosted - account.debitsPosted - account.debitsPending;

/** The class of an account: its id without the payee. */
export const accountClass = (id: string): string => id.split('/', 1)[0]!;

/** The payee of an account, or undefined for one of the platform's or the customer's own. */
export function accountPayee(id: string): string | undefined {
  const slash = id.indexOf('/');
  return slash < 0 ? undefined : id.slice(slash + 1);
}

/** True when the debits of the account, pending ones included, are covered as its guard demands. */
export function withinGuard(account: Account): boolean {
  switch (account.guard) {
    case 'none':
      return true;
    case 'debits-within-credits':
      return account.debitsPending + account.debitsPosted <= account.creditsPosted;
    case 'credits-within-debits':
      return account.creditsPending + account.creditsPosted <= account.debitsPosted;
  }
}
