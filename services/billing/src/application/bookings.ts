import { Inject, Injectable } from '@nestjs/common';
import type { Effect, EventMetadata, EventStore, InboxEntry } from '@skein/events';
import { unwrap, type Rejection, type Result } from '@skein/kernel';
import { EVENT_STORE, PayoutFreeze } from '@skein/platform';
import { ledgerDecider } from '../domain/ledger/ledger.decider.js';
import type { BookDecision, LedgerIdentity } from '../domain/ledger/ledger.commands.js';
import type { Booking } from '../domain/reward/bookings.policy.js';
import { LEDGER_HISTORY, type LedgerHistory } from './ledger-history.port.js';

/**
 * Books other services' decisions, once per message. A booking that does not add up throws: money stops, it is not skipped. So
 * does every one while payouts have to wait, which the append itself finds out (`PayoutFreeze`); whoever delivered it delivers it again.
 */
@Injectable()
export class Bookings {
  readonly #store: EventStore;
  readonly #history: LedgerHistory;
  readonly #freeze: PayoutFreeze;
  constructor(@Inject(EVENT_STORE) store: EventStore, @Inject(LEDGER_HISTORY) history: LedgerHistory, @Inject(PayoutFreeze) freeze: PayoutFreeze) {
    this.#store = store;
    this.#history = history;
    this.#freeze = freeze;
  }

  /** `stakesAsOf`: the final block of the stakes that it was decided by, where they are named. */
  async book(booking: Result<Booking, Rejection>, metadata: EventMetadata, inbox?: InboxEntry, stakesAsOf?: bigint): Promise<void> {
    const decided = unwrap(booking);
    if (stakesAsOf !== undefined) await this.#freeze.reached(stakesAsOf);
    await this.#write(decided, metadata, inbox);
  }

  async #write(decided: Booking, metadata: EventMetadata, inbox?: InboxEntry, effects: readonly Effect[] = []): Promise<void> {
    unwrap(
      await this.#store.execute({
        decider: ledgerDecider,
        streamId: decided.ledger.ledgerId,
        command: async (nowMs, _state, version): Promise<BookDecision> => {
          const past = await this.#history.booking(decided.ledger.ledgerId, decided.source, decided.transfers.length, version);
          return { ...decided, past, nowMs };
        },
        metadata,
        ...(inbox ? { inbox } : {}),
        effects: () => [...effects],
      }),
    );
  }

  /** Notes a decision that moves no money yet, with the timers that will. */
  async note(ledger: LedgerIdentity, source: string, what: string, metadata: EventMetadata, inbox: InboxEntry, effects: readonly Effect[]): Promise<void> {
    await this.#write({ type: 'book-decision', ledger, source, what, amount: 0n, accounts: [], transfers: [] }, metadata, inbox, effects);
  }
}
