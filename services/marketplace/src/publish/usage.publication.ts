import { ReservationVoidedSchema, UsageRecordedSchema } from '@skein/contracts/marketplace';
import type { Recorded } from '@skein/events';
import { publicMessage, type Publication, type PublicMessage } from '@skein/messaging';
import { versionName } from '../application/names.js';
import type { CallRan, CallVoided } from '../domain/call/call.events.js';

const topic = 'marketplace.usage.v1';

function message(event: Recorded<CallRan | CallVoided>): PublicMessage {
  if (event.type === 'skein.marketplace.call.voided.v1') {
    const { reservationId, customer, reason, atMs } = event.data;
    return publicMessage({ event, topic, schema: ReservationVoidedSchema, message: { reservationId, customer, reason, voidedAtMs: BigInt(atMs) } });
  }
  const { reservationId, customer, model, version, priceVersion, unitPriceE15, rows, computeCostE15, atMs } = event.data;
  const used = { units: BigInt(rows), computeCostE15: String(computeCostE15), ranAtMs: BigInt(atMs) };
  return publicMessage({
    event, topic, schema: UsageRecordedSchema,
    message: { reservationId, customer, modelVersion: versionName(model, version), priceVersion, unitPriceE15: String(unitPriceE15), ...used },
  });
}

/** What ran and what did not, by reservation: billing charges or releases from it, whatever happened to the call's process. */
export const usagePublication: Publication = {
  name: 'usage',
  topic,
  types: ['skein.marketplace.call.ran.v1', 'skein.marketplace.call.voided.v1'],
  map: (event) => message(event as Recorded<CallRan | CallVoided>),
};
