import { CallChargedSchema, CreditBoughtSchema, ReservationReleasedSchema, RewardsBookedSchema } from '@skein/contracts/billing';
import type { Recorded } from '@skein/events';
import { publicMessage, type Publication, type PublicMessage } from '@skein/messaging';
import type { Booked, CallCharged, CreditBought, CreditReleased } from '../domain/ledger/ledger.events.js';

const TOPIC = 'billing.ledger.v1';

type Public = CreditBought | CallCharged | CreditReleased | Booked;

function message(event: Recorded<Public>): PublicMessage {
  switch (event.type) {
    case 'skein.billing.ledger.credit-bought.v1': {
      const { customer, amount, reference, atMs } = event.data;
      return publicMessage({ event, topic: TOPIC, schema: CreditBoughtSchema, message: { customer, asset: 'USD', units: String(amount), paymentReference: reference, boughtAtMs: BigInt(atMs) } });
    }
    case 'skein.billing.ledger.call-charged.v1': {
      const { customer, reservationId, modelVersion, priceVersion, gross, compute, platform, parts, atMs } = event.data;
      const amounts = { asset: 'USD', gross: String(gross), compute: String(compute), platform: String(platform) };
      const shown = parts.map((part) => ({ class: part.class, payee: part.payee, units: String(part.amount) }));
      return publicMessage({ event, topic: TOPIC, schema: CallChargedSchema, message: { customer, reservationId, modelVersion, priceVersion, ...amounts, parts: shown, chargedAtMs: BigInt(atMs) } });
    }
    case 'skein.billing.ledger.credit-released.v1': {
      const { customer, reservationId, reason, atMs } = event.data;
      return publicMessage({ event, topic: TOPIC, schema: ReservationReleasedSchema, message: { customer, reservationId, reason, releasedAtMs: BigInt(atMs) } });
    }
    case 'skein.billing.ledger.booked.v1': {
      const { subject, source, amount, atMs } = event.data;
      return publicMessage({ event, topic: TOPIC, schema: RewardsBookedSchema, message: { task: subject, asset: 'FLOCK', source, units: String(amount), bookedAtMs: BigInt(atMs) } });
    }
  }
}

/** Money, as other services and partners may know it: never single transfers. */
export const ledgerPublication: Publication = {
  name: 'ledger',
  topic: TOPIC,
  types: ['credit-bought', 'call-charged', 'credit-released', 'booked'].map((name) => `skein.billing.ledger.${name}.v1`),
  map: (event) => message(event as Recorded<Public>),
};
