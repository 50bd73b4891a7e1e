import { ApiKeyCreatedSchema, ApiKeyRevokedSchema, CustomerCreatedSchema } from '@skein/contracts/billing';
import type { Recorded } from '@skein/events';
import { publicMessage, type Publication, type PublicMessage } from '@skein/messaging';
import type { CustomerEvent } from '../domain/customer/customer.events.js';

const TOPIC = 'billing.entitlement.v1';

function message(event: Recorded<CustomerEvent>): PublicMessage {
  const customer = `customers/${event.data.customerId}`;
  switch (event.type) {
    case 'skein.billing.customer.created.v1':
      return publicMessage({ event, topic: TOPIC, schema: CustomerCreatedSchema, message: { customer, owner: event.data.owner, createdAtMs: BigInt(event.data.atMs) } });
    case 'skein.billing.customer.api-key-created.v1': {
      const { keyId, prefix, secretSha256, scopes, spendCap, atMs } = event.data;
      return publicMessage({
        event, topic: TOPIC, schema: ApiKeyCreatedSchema,
        message: { customer, keyId, prefix, secretSha256, scopes: [...scopes], spendCapUnits: spendCap === null ? '' : String(spendCap), createdAtMs: BigInt(atMs) },
      });
    }
    case 'skein.billing.customer.api-key-revoked.v1': {
      const { keyId, prefix, atMs } = event.data;
      return publicMessage({ event, topic: TOPIC, schema: ApiKeyRevokedSchema, message: { customer, keyId, prefix, revokedAtMs: BigInt(atMs) } });
    }
  }
}

/** Customers and keys, so that each service can check a caller locally. */
export const entitlementPublication: Publication = {
  name: 'entitlement',
  topic: TOPIC,
  types: ['skein.billing.customer.created.v1', 'skein.billing.customer.api-key-created.v1', 'skein.billing.customer.api-key-revoked.v1'],
  map: (event) => message(event as Recorded<CustomerEvent>),
};
