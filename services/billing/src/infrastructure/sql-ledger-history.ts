import { Inject, Injectable } from '@nestjs/common';
import type { EventStore } from '@skein/events';
import { EVENT_STORE } from '@skein/platform';
import type { LedgerHistory } from '../application/ledger-history.port.js';
import type { Past, PastBooking } from '../domain/ledger/past.js';
import { readPast, readPastBooking, readUsedAt } from '../projections/ledger-past.js';

/** The ledgers' history in billing's own log. */
@Injectable()
export class SqlLedgerHistory implements LedgerHistory {
  readonly #store: EventStore;
  constructor(@Inject(EVENT_STORE) store: EventStore) {
    this.#store = store;
  }

  past(ledgerId: string, id: string, version: number): Promise<Past> {
    return readPast(this.#store, ledgerId, id, version);
  }

  usedAt(ledgerId: string, modelVersion: string, priceVersion: number, version: number): Promise<bigint> {
    return readUsedAt(this.#store, ledgerId, modelVersion, priceVersion, version);
  }

  booking(ledgerId: string, source: string, transfers: number, version: number): Promise<PastBooking | undefined> {
    return readPastBooking(this.#store, ledgerId, source, transfers, version);
  }
}
