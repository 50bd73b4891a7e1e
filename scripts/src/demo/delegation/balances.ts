import type { Printer } from '../printer.js';

/** One amount in base units as the contracts, the indexer's read models and billing's statements know it; undefined: they keep no account of it. */
export interface Balance {
  readonly of: string;
  readonly chain: bigint;
  readonly projection: bigint;
  readonly billing?: bigint;
}

/** Those that are not the same wherever they are known. */
const differing = (balances: readonly Balance[]): readonly Balance[] =>
  balances.filter(({ chain, projection, billing = chain }) => chain !== projection || chain !== billing);

/** A sentence that names each difference with all its values; empty where there is none. */
export const differences = (balances: readonly Balance[]): string =>
  differing(balances).map(({ of, chain, projection, billing }) => `${of}: ${chain} on chain, ${projection} in the projection${billing === undefined ? '' : `, ${billing} in billing's statement`}`).join('; ');

/** Prints them beside each other, in base units. */
export function showBalances(printer: Printer, balances: readonly Balance[]): void {
  printer.table(['base units of', 'on chain', 'in the projection', 'in billing’s statements'], balances.map(({ of, chain, projection, billing }) => [of, String(chain), String(projection), billing === undefined ? '–' : String(billing)]));
}

/** For the report: by what they are of, as texts. */
export const reported = (balances: readonly Balance[]): { of: string; chain: string; projection: string; billing?: string }[] =>
  balances.map(({ of, chain, projection, billing }) => ({ of, chain: chain.toString(), projection: projection.toString(), ...(billing === undefined ? {} : { billing: billing.toString() }) }));
