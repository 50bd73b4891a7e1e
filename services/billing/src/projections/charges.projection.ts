import type { Projection, Recorded, RecordedEvent, Tx } from '@skein/events';
import type { CallCharged, CreditReleased, CreditReserved } from '../domain/ledger/ledger.events.js';

type Applied = CreditReserved | CallCharged | CreditReleased;

async function charged(tx: Tx, { data, position }: RecordedEvent<CallCharged>): Promise<void> {
  const contributors = data.parts.reduce((sum, { amount }) => sum + amount, 0n);
  await tx.query(
    `INSERT INTO charge (reservation_id, customer, model_version, price_version, unit_price_e15, units, gross, compute, platform, contributors, charged_at_ms, position)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
    [
      data.reservationId, data.customer, data.modelVersion, data.priceVersion, String(data.unitPriceE15), data.units, String(data.gross),
      String(data.compute), String(data.platform), String(contributors), data.atMs, String(position),
    ],
  );
}

async function apply(tx: Tx, event: Recorded<Applied>): Promise<void> {
  if (event.type === 'skein.billing.ledger.credit-reserved.v1') {
    const { reservationId, customer, amount, atMs } = event.data;
    await tx.query('INSERT INTO open_hold (reservation_id, customer, amount, reserved_at_ms) VALUES ($1, $2, $3, $4)', [reservationId, customer, String(amount), atMs]);
    return;
  }
  await tx.query('DELETE FROM open_hold WHERE reservation_id = $1', [event.data.reservationId]);
  if (event.type === 'skein.billing.ledger.call-charged.v1') await charged(tx, event);
}

/** Usage: every paid call, one row per reservation, with the amounts of its split; and the holds that are open. */
export const chargesProjection: Projection = {
  name: 'charges',
  version: 2,
  tables: `
CREATE TABLE charge (
  reservation_id text PRIMARY KEY, customer text NOT NULL, model_version text NOT NULL, price_version int NOT NULL, unit_price_e15 numeric NOT NULL,
  units bigint NOT NULL, gross numeric NOT NULL, compute numeric NOT NULL, platform numeric NOT NULL, contributors numeric NOT NULL,
  charged_at_ms bigint NOT NULL, position bigint NOT NULL
);
CREATE INDEX charge_by_customer ON charge (customer, position);
CREATE TABLE open_hold (reservation_id text PRIMARY KEY, customer text NOT NULL, amount numeric NOT NULL, reserved_at_ms bigint NOT NULL);`,
  types: ['skein.billing.ledger.credit-reserved.v1', 'skein.billing.ledger.call-charged.v1', 'skein.billing.ledger.credit-released.v1'],
  apply: (tx, event) => apply(tx, event as Recorded<Applied>),
};
