import { inBatches, RowChanges, type Projection, type Recorded, type RecordedEvent, type Tx } from '@skein/events';
import type { CallEvent, CallStarted } from '../domain/call/call.events.js';

/** A later attempt keeps the row of the first one, with its own pins. */
function start(calls: RowChanges, { data, position }: Recorded<CallStarted>): void {
  const { callId, attempt, reservationId, customer, model, version, priceVersion, unitPriceE15, rows, atMs } = data;
  const pins = { reservation_id: reservationId, version, state: 'started', price_version: priceVersion, unit_price_e15: String(unitPriceE15), rows };
  if (attempt > 1) calls.update(callId, pins);
  else calls.insert({ call_id: callId, customer, model, ...pins, cpu_us: 0, gross: 0, started_at_ms: atMs, ran_at_ms: 0, position: String(position) });
}

async function applyBatch(tx: Tx, events: readonly RecordedEvent[]): Promise<void> {
  const calls = new RowChanges('call', 'call_id');
  for (const event of events as readonly Recorded<CallEvent>[]) {
    const { callId } = event.data;
    switch (event.type) {
      case 'skein.marketplace.call.started.v1':
        start(calls, event);
        break;
      case 'skein.marketplace.call.ran.v1':
        calls.update(callId, { state: 'ran', cpu_us: event.data.cpuUs, ran_at_ms: event.data.atMs });
        break;
      case 'skein.marketplace.call.captured.v1':
        calls.update(callId, { state: 'captured', gross: String(event.data.gross) });
        break;
      case 'skein.marketplace.call.voided.v1':
        calls.update(callId, { state: 'voided' });
        break;
    }
  }
  await calls.flush(tx);
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
  ...inBatches(applyBatch),
};
