import type { OpenWorkflow } from '@skein/platform';

/** A page of rows: `nextPageToken` is empty on the last one. */
export interface Page<Row> {
  readonly rows: readonly Row[];
  readonly nextPageToken: string;
}

/** A charge as the read model holds it; amounts are decimal strings of base units. */
export interface ChargeRow {
  readonly reservation_id: string;
  readonly model_version: string;
  readonly price_version: number;
  readonly unit_price_e15: string;
  readonly units: string;
  readonly gross: string;
  readonly compute: string;
  readonly platform: string;
  readonly contributors: string;
  readonly charged_at_ms: string;
}

/** What a payee earned in one account class from one source. */
export interface StatementRow {
  readonly payee: string;
  readonly asset: string;
  readonly class: string;
  readonly source: string;
  readonly units: string;
  readonly entries: string;
  readonly held_until_ms: string;
}

export interface TrialBalanceRow {
  readonly asset: string;
  readonly account: string;
  readonly debits_posted: string;
  readonly credits_posted: string;
  readonly debits_pending: string;
  readonly credits_pending: string;
}

/** Port: what the read models answer. */
export interface BillingQueries {
  charges(customer: string, limit: number, pageToken: string): Promise<Page<ChargeRow>>;
  /** Payees in alphabetical order, all lines of each. */
  statements(limit: number, pageToken: string): Promise<Page<StatementRow>>;
  statement(payee: string): Promise<readonly StatementRow[]>;
  /** Holds that are neither captured nor released, the oldest first. */
  openHolds(limit: number): Promise<readonly OpenWorkflow[]>;
  trialBalance(): Promise<{ readonly rows: readonly TrialBalanceRow[]; readonly ledgers: number }>;
}

const magnitude = (value: bigint): bigint => (value < 0n ? -value : value);

/** Sum over assets of |debits − credits|, posted and pending each: 0 unless the ledger is broken. */
export function trialDifference(rows: readonly TrialBalanceRow[]): bigint {
  const byAsset = Map.groupBy(rows, ({ asset }) => asset);
  return [...byAsset.values()].reduce((sum, lines) => {
    const posted = lines.reduce((left, line) => left + BigInt(line.debits_posted) - BigInt(line.credits_posted), 0n);
    const pending = lines.reduce((left, line) => left + BigInt(line.debits_pending) - BigInt(line.credits_pending), 0n);
    return sum + magnitude(posted) + magnitude(pending);
  }, 0n);
}

/** Token of the read models. */
export const QUERIES = Symbol('BILLING_QUERIES');
