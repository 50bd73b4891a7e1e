import type { LedgerEvent } from './ledger.events.js';
import { holdId } from './customer-accounts.js';
import type { Transfer } from './transfer.js';

/**
 * What the log says of one reservation or purchase. A ledger's state holds open reservations only; the log knows the others for
 * ever, so a command carries what it says up to the version that is decided on.
 */
export interface Past {
  /** What was held, or paid. */
  readonly amount?: bigint;
  /** What it was charged. */
  readonly gross?: bigint;
  /** Released before it was made. */
  readonly forestalled?: boolean;
  /** Of an open reservation whose price the state has forgotten: what was used at it so far, exactly. */
  readonly sumE15?: bigint;
}

/** A booking as it was made. */
export interface PastBooking {
  readonly what: string;
  readonly amount: bigint;
  readonly transfers: readonly Transfer[];
}

/** Nothing was ever heard of it. */
export const NO_PAST: Past = {};

/** Types of the events that tell a past. Each is found by the id in it. */
export const TELLING = [
  'skein.billing.ledger.credit-bought.v1',
  'skein.billing.ledger.credit-reserved.v1',
  'skein.billing.ledger.call-charged.v1',
  'skein.billing.ledger.transfers-refused.v1',
] as const satisfies readonly LedgerEvent['type'][];

/** Ids under which the events of a reservation or purchase are found (see `keyOf`). */
export const keysOf = (id: string): readonly string[] => [id, holdId(id)];

/** The id under which an event is found; undefined where it tells no past. */
export function keyOf(event: LedgerEvent): string | undefined {
  switch (event.type) {
    case 'skein.billing.ledger.credit-bought.v1':
      return event.data.purchaseId;
    case 'skein.billing.ledger.credit-reserved.v1':
    case 'skein.billing.ledger.call-charged.v1':
      return event.data.reservationId;
    case 'skein.billing.ledger.transfers-refused.v1':
      return event.data.transfers[0]?.id;
    default:
      return undefined;
  }
}

/** What the events found under an id come to. */
export function pastOf(found: readonly LedgerEvent[]): Past {
  return found.reduce<Past>((past, event) => {
    switch (event.type) {
      case 'skein.billing.ledger.credit-bought.v1':
      case 'skein.billing.ledger.credit-reserved.v1':
        return { ...past, amount: event.data.amount };
      case 'skein.billing.ledger.call-charged.v1':
        return { ...past, gross: event.data.gross };
      case 'skein.billing.ledger.transfers-refused.v1':
        return { ...past, forestalled: true };
      default:
        return past;
    }
  }, NO_PAST);
}

/** A booking from what leads up to its `booked`, which is the last: its transfers lie right before it. */
export function pastBookingOf(found: readonly LedgerEvent[]): PastBooking | undefined {
  const booked = found.at(-1);
  if (booked?.type !== 'skein.billing.ledger.booked.v1') return undefined;
  const { what, amount } = booked.data;
  const before = found.slice(0, -1);
  const own = before.slice(before.findLastIndex(({ type }) => type !== 'skein.billing.ledger.transfers-applied.v1') + 1);
  return { what, amount, transfers: own.flatMap((event) => (event.type === 'skein.billing.ledger.transfers-applied.v1' ? event.data.transfers : [])) };
}
