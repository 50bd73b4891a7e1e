import type { Projection, RecordedEvent, Tx } from '@skein/events';
import type { CallCharged } from '../domain/ledger/ledger.events.js';

async function apply(tx: Tx, event: RecordedEvent<CallCharged>): Promise<void> {
  const { data } = event;
  const contributors = data.parts.reduce((sum, { amount }) => sum + amount, 0n);
  await tx.query(
    `INSERT INTO charge (reservation_id, customer, model_version, price_version, unit_price_e15, units, gross, compute, platform, contributors, charged_at_ms, position)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
    [
      data.reservationId, data.customer, data.modelVersion, data.priceVersion, String(data.unitPriceE15), data.units, String(data.gross),
      String(data.compute), String(data.platform), String(contributors), data.atMs, String(event.position),
    ],
  );
}

/** Usage: every paid call, one row per reservation, with the amounts of its split. */
export const chargesProjection: Projection = {
  name: 'charges',
  version: 1,
  tables: `
CREATE TABLE charge (
  reservation_id text PRIMARY KEY, customer text NOT NULL, model_version text NOT NULL, price_version int NOT NULL, unit_price_e15 numeric NOT NULL,
  units bigint NOT NULL, gross numeric NOT NULL, compute numeric NOT NULL, platform numeric NOT NULL, contributors numeric NOT NULL,
  charged_at_ms bigint NOT NULL, position bigint NOT NULL
);
CREATE INDEX charge_by_customer ON charge (customer, position);`,
  types: ['skein.billing.ledger.call-charged.v1'],
  apply: (tx, event) => apply(tx, event as RecordedEvent<CallCharged>),
};
