import type { EventStore } from '@skein/events';
import { decodePayload, upcast, type Upcasters } from '@skein/kernel';
import type { LedgerEvent } from '../domain/ledger/ledger.events.js';
import { keysOf, pastBookingOf, pastOf, TELLING, type Past, type PastBooking } from '../domain/ledger/past.js';

/** $1 ledger, $2 ids, $3 version. The condition on the types is written out as in the index, or the planner would not use that. */
export const PAST = `
  SELECT h.type, h.schema_version, h.data FROM es_history h
  WHERE h.stream_id = $1 AND coalesce(h.data->>'reservationId', h.data->>'purchaseId', h.data->'transfers'->0->>'id') = ANY ($2::text[])
    AND h.type IN (${TELLING.map((type) => `'${type}'`).join(', ')}) AND h.version <= $3
  ORDER BY h.version`;

// The events of one command lie side by side: its transfers right before `booked`, in at most $4 events.
const PAST_BOOKING = `
  SELECT h.type, h.schema_version, h.data
  FROM (SELECT b.version FROM es_history b
    WHERE b.stream_id = $1 AND b.data->>'source' = $2 AND b.type = 'skein.billing.ledger.booked.v1' AND b.version <= $3 ORDER BY b.version LIMIT 1) b
  JOIN es_history h ON h.stream_id = $1 AND h.version BETWEEN b.version - $4::int AND b.version
  ORDER BY h.version`;

const USED_AT = `
  SELECT h.type, h.schema_version, h.data FROM es_history h
  WHERE h.stream_id = $1 AND h.data->>'modelVersion' = $2 AND h.data->>'priceVersion' = $3 AND h.type = 'skein.billing.ledger.call-charged.v1' AND h.version <= $4
  ORDER BY h.version DESC LIMIT 1`;

interface FoundRow {
  type: string;
  schema_version: number;
  data: unknown;
}

const eventsIn = (upcasters: Upcasters, rows: readonly FoundRow[]): LedgerEvent[] =>
  rows.map(({ type, schema_version, data }) => ({ type, data: upcast(upcasters, type, schema_version, decodePayload(data)) }) as LedgerEvent);

/**
 * The past of a reservation or purchase, read from the log itself by the index `ledger_past`: as fast in a ledger of a million
 * calls as in a new one, and never behind the events.
 */
export async function readPast({ pool, upcasters }: EventStore, ledgerId: string, id: string, version: number): Promise<Past> {
  const { rows } = await pool.query<FoundRow>({ name: 'billing-past', text: PAST, values: [ledgerId, keysOf(id), version] });
  return pastOf(eventsIn(upcasters, rows));
}

/** A booking in the past, by the index `ledger_booked`. */
export async function readPastBooking({ pool, upcasters }: EventStore, ledgerId: string, source: string, transfers: number, version: number): Promise<PastBooking | undefined> {
  const { rows } = await pool.query<FoundRow>({ name: 'billing-past-booking', text: PAST_BOOKING, values: [ledgerId, source, version, transfers] });
  return pastBookingOf(eventsIn(upcasters, rows));
}

/** What was used at a price, by the index `ledger_price`. */
export async function readUsedAt({ pool, upcasters }: EventStore, ledgerId: string, modelVersion: string, priceVersion: number, version: number): Promise<bigint> {
  const { rows } = await pool.query<FoundRow>({ name: 'billing-used-at', text: USED_AT, values: [ledgerId, modelVersion, String(priceVersion), version] });
  const [charged] = eventsIn(upcasters, rows);
  return charged?.type === 'skein.billing.ledger.call-charged.v1' ? charged.data.sumE15 : 0n;
}
