import { inBatches, RowChanges, type Projection, type Recorded, type RecordedEvent, type Tx } from '@skein/events';
import type { CallCharged, CreditReleased, CreditReserved } from '../domain/ledger/ledger.events.js';

type Applied = CreditReserved | CallCharged | CreditReleased;

function chargeOf({ data, position }: Recorded<CallCharged>): Record<string, unknown> {
  const contributors = data.parts.reduce((sum, { amount }) => sum + amount, 0n);
  return {
    reservation_id: data.reservationId, customer: data.customer, model_version: data.modelVersion, price_version: data.priceVersion, unit_price_e15: String(data.unitPriceE15),
    units: data.units, gross: String(data.gross), compute: String(data.compute), platform: String(data.platform), contributors: String(contributors),
    charged_at_ms: data.atMs, position: String(position),
  };
}

async function applyBatch(tx: Tx, events: readonly RecordedEvent[]): Promise<void> {
  const [holds, charges] = [new RowChanges('open_hold', 'reservation_id'), new RowChanges('charge', 'reservation_id')];
  for (const event of events as readonly Recorded<Applied>[]) {
    const { data } = event;
    if (event.type === 'skein.billing.ledger.credit-reserved.v1') {
      const { reservationId, customer, amount, atMs } = event.data;
      holds.insert({ reservation_id: reservationId, customer, amount: String(amount), reserved_at_ms: atMs });
      continue;
    }
    holds.delete(data.reservationId);
    if (event.type === 'skein.billing.ledger.call-charged.v1') charges.insert(chargeOf(event));
  }
  await holds.flush(tx);
  await charges.flush(tx);
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
  ...inBatches(applyBatch),
};
