import type { Projection, Recorded, RecordedEvent, Tx } from '@skein/events';
import type { CustomerEvent } from '../domain/customer/customer.events.js';

async function apply(tx: Tx, event: Recorded<CustomerEvent>): Promise<void> {
  if (event.type === 'skein.billing.customer.api-key-created.v1') {
    const { customerId, keyId, prefix, secretSha256, scopes } = event.data;
    await tx.query('INSERT INTO api_key (prefix, key_id, customer, secret_sha256, scopes, revoked) VALUES ($1, $2, $3, $4, $5, false)', [prefix, keyId, `customers/${customerId}`, secretSha256, [...scopes]]);
  }
  if (event.type === 'skein.billing.customer.api-key-revoked.v1') await tx.query('UPDATE api_key SET revoked = true WHERE prefix = $1', [event.data.prefix]);
}

/** API keys by their prefix, for checking callers. */
export const apiKeysProjection: Projection = {
  name: 'api_keys',
  version: 1,
  tables: 'CREATE TABLE api_key (prefix text PRIMARY KEY, key_id text NOT NULL, customer text NOT NULL, secret_sha256 text NOT NULL, scopes text[] NOT NULL, revoked boolean NOT NULL);',
  types: ['skein.billing.customer.api-key-created.v1', 'skein.billing.customer.api-key-revoked.v1'],
  apply: (tx, event: RecordedEvent) => apply(tx, event as Recorded<CustomerEvent>),
};
