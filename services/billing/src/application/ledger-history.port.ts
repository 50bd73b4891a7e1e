import type { Past, PastBooking } from '../domain/ledger/past.js';

/** What a ledger's log says of what its state has forgotten. */
export interface LedgerHistory {
  /**
   * The past of one reservation or purchase as of `version` of the ledger, the one that is decided on: what was appended later
   * must not be mixed with an older state. The append finds out whether there was something later.
   */
  past(ledgerId: string, id: string, version: number): Promise<Past>;
  /** What was used at a price as of `version`, USD units of 10^-15: the sum of the last charge at it. */
  usedAt(ledgerId: string, modelVersion: string, priceVersion: number, version: number): Promise<bigint>;
  /** What was booked under a source, as of `version`, if anything was; the transfers as many as are to be compared. */
  booking(ledgerId: string, source: string, transfers: number, version: number): Promise<PastBooking | undefined>;
}

/** Token of the ledgers' history. */
export const LEDGER_HISTORY = Symbol('LEDGER_HISTORY');
