import type { Projection, Recorded, RecordedEvent, Tx } from '@skein/events';
import type { CallEvent } from '../domain/call/call.events.js';

const STARTED = `
INSERT INTO call (call_id, reservation_id, customer, model, version, state, price_version, unit_price_e15, rows, cpu_us, gross, started_at_ms, ran_at_ms, position)
VALUES ($1, $2, $3, $4, $5, 'started', $6, $7, $8, 0, 0, $9, 0, $10)
ON CONFLICT (call_id) DO UPDATE SET reservation_id = excluded.reservation_id, version = excluded.version, state = excluded.state,
  price_version = excluded.price_version, unit_price_e15 = excluded.unit_price_e15, rows = excluded.rows`;

async function apply(tx: Tx, event: Recorded<CallEvent>): Promise<void> {
  const { callId } = event.data;
  switch (event.type) {
    case 'skein.marketplace.call.started.v1': {
      const { reservationId, customer, model, version, priceVersion, unitPriceE15, rows, atMs } = event.data;
      await tx.query(STARTED, [callId, reservationId, customer, model, version, priceVersion, String(unitPriceE15), rows, atMs, String(event.position)]);
      return;
    }
    case 'skein.marketplace.call.ran.v1':
      await tx.query("UPDATE call SET state = 'ran', cpu_us = $2, ran_at_ms = $3 WHERE call_id = $1", [callId, event.data.cpuUs, event.data.atMs]);
      return;
    case 'skein.marketplace.call.captured.v1':
      await tx.query("UPDATE call SET state = 'captured', gross = $2 WHERE call_id = $1", [callId, String(event.data.gross)]);
      return;
    case 'skein.marketplace.call.voided.v1':
      await tx.query("UPDATE call SET state = 'voided' WHERE call_id = $1", [callId]);
      return;
  }
}

/** Every call with its state and what it cost; demand and the median of recent runs are read from here. */
export const callsProjection: Projection = {
  name: 'calls',
  version: 2,
  tables: `
CREATE TABLE call (
  call_id text PRIMARY KEY, reservation_id text NOT NULL, customer text NOT NULL, model text NOT NULL, version int NOT NULL, state text NOT NULL,
  price_version int NOT NULL, unit_price_e15 numeric NOT NULL, rows int NOT NULL, cpu_us bigint NOT NULL, gross numeric NOT NULL,
  started_at_ms bigint NOT NULL, ran_at_ms bigint NOT NULL, position bigint NOT NULL
);
CREATE INDEX call_by_customer ON call (customer, position);
CREATE INDEX call_by_model ON call (model, ran_at_ms);
CREATE INDEX call_open ON call (started_at_ms) WHERE state IN ('started', 'ran');`,
  types: ['started', 'ran', 'captured', 'voided'].map((name) => `skein.marketplace.call.${name}.v1`),
  apply: (tx, event: RecordedEvent) => apply(tx, event as Recorded<CallEvent>),
};
