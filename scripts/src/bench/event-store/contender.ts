import type { DomainEvent } from '@skein/kernel';

/** The event that every contender stores: the same fields, the same bytes but for each one's own envelope. */
export type Moved = DomainEvent<'skein.bench.account.moved.v1', { account: string; units: number; reference: string; note: string; movedAtMs: number }>;

/** What is stored beside each event. */
export const METADATA = { correlationId: '018f6b1e-7c2a-7d4e-9a31-5f0c2d9b8e11', causationId: '018f6b1e-7c2a-7d4e-9a31-5f0c2d9b8e12', actor: 'bench', tenant: 'bench' };

/** The `index`-th event of an account. */
export const moved = (account: string, index: number): Moved => ({
  type: 'skein.bench.account.moved.v1',
  data: { account, units: (index % 97) + 1, reference: `reference-${index}-of-${account}`, note: 'a movement of the benchmark, as long as events usually are', movedAtMs: 1_790_000_000_000 + index },
});

/** Events `from` to `from + count - 1` of an account. */
export const movements = (account: string, from: number, count: number): Moved[] => Array.from({ length: count }, (_, index) => moved(account, from + index));

/** What `movements(account, 0, count)` adds up to. */
export const sumOf = (count: number): number => Array.from({ length: count }, (_, index) => (index % 97) + 1).reduce((a, b) => a + b, 0);

/** An account's state, for the command case. */
export interface Account {
  readonly units: number;
  readonly movements: number;
}

/** The same fold for both stores. */
export const evolveAccount = (state: Account, event: Pick<Moved, 'data'>): Account => ({ units: state.units + event.data.units, movements: state.movements + 1 });

/** Totals that a projection has come to; equal for all contenders. */
export interface Totals {
  readonly accounts: number;
  readonly movements: number;
  readonly units: number;
}

/** One store under test. Versions are exact in every append, so that no contender has to look them up. */
export interface Contender {
  readonly name: string;
  /** Appends to a stream whose present version is `version`. */
  append(stream: string, version: number, events: readonly Moved[]): Promise<void>;
  /** Load, decide on the whole state, append one event; answers the number of movements that it has counted. */
  command?(stream: string): Promise<number>;
  /** Called inside the measured time: resolves when everything appended is visible to readers. */
  settle(): Promise<void>;
  /** Events in the store. */
  count(): Promise<number>;
  /** Rebuilds the balances from the first event on. */
  rebuild?(): Promise<Totals>;
  close(): Promise<void>;
}
