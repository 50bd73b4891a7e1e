import type { DomainEvent } from '@skein/kernel';

/** A customer: an opaque id and the wallet that owns it. Its name is kept outside the log. */
export type CustomerCreated = DomainEvent<'skein.billing.customer.created.v1', { customerId: string; owner: string; atMs: number }>;

/** A key was issued. Holds the hash of its secret only. */
export type ApiKeyCreated = DomainEvent<
  'skein.billing.customer.api-key-created.v1',
  {
    customerId: string;
    keyId: string;
    prefix: string;
    secretSha256: string;
    scopes: readonly string[];
    spendCap: bigint | null;
    atMs: number;
  }
>;

export type ApiKeyRevoked = DomainEvent<'skein.billing.customer.api-key-revoked.v1', { customerId: string; keyId: string; prefix: string; atMs: number }>;

export type CustomerEvent = CustomerCreated | ApiKeyCreated | ApiKeyRevoked;
