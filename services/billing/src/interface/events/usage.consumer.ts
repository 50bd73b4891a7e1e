import { ReservationVoidedSchema, UsageRecordedSchema } from '@skein/contracts/marketplace';
import { onMessage, type MessageHandler } from '@skein/messaging';
import type { Credit } from '../../application/credit.js';
import { customerIdOf } from '../../application/names.js';

const TOPIC = 'marketplace.usage.v1';
const ACTOR = 'service:billing';

/**
 * Charges every call that ran, whether or not the marketplace could ask for it, and releases what did not run. The
 * reservation is the identity of the usage: a call that was captured by RPC is found charged.
 */
export const usageHandlers = (credit: Credit): readonly MessageHandler[] => [
  onMessage({
    topic: TOPIC,
    type: 'skein.marketplace.call.ran.v1',
    schema: UsageRecordedSchema,
    handle: (usage, delivery) => {
      const used = { reservationId: usage.reservationId, units: Number(usage.units), computeCostE15: BigInt(usage.computeCostE15) };
      return credit.capture(customerIdOf(usage.customer, 'customer'), used, delivery.metadata(ACTOR), { inbox: delivery.inbox });
    },
  }),
  onMessage({
    topic: TOPIC,
    type: 'skein.marketplace.call.voided.v1',
    schema: ReservationVoidedSchema,
    handle: (voided, delivery) => credit.release(customerIdOf(voided.customer, 'customer'), voided.reservationId, voided.reason, delivery.metadata(ACTOR), { inbox: delivery.inbox }),
  }),
];
