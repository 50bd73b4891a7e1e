import { specOf } from '@skein/testing';
import { describe, test } from 'vitest';
import type { CreateApiKey } from './customer.commands.js';
import { customerDecider, VALID_KEYS_MAX } from './customer.decider.js';
import type { CustomerEvent } from './customer.events.js';

const customer = specOf(customerDecider);
const created: CustomerEvent = { type: 'skein.billing.customer.created.v1', data: { customerId: 'c', owner: 'w', atMs: 1 } };
const keyCreated = (keyId = 'k1'): CustomerEvent => ({
  type: 'skein.billing.customer.api-key-created.v1',
  data: { customerId: 'c', keyId, prefix: 'aa', secretSha256: 'ff', scopes: ['marketplace.infer'], spendCap: 5n, atMs: 2 },
});
const createKey = (more: Partial<CreateApiKey> = {}): CreateApiKey => ({
  type: 'create-api-key', caller: 'w', keyId: 'k1', prefix: 'aa', secretSha256: 'ff', scopes: ['marketplace.infer'], spendCap: 5n, nowMs: 2, ...more,
});

describe('a customer', () => {
  test('is created once', () => {
    const command = { type: 'create-customer' as const, customerId: 'c', owner: 'w', nowMs: 1 };
    customer.given().when(command).then(created);
    customer.given(created).when(command).thenRejected({ code: 'already-exists' });
  });
});

describe('an API key', () => {
  test('is created by the owner', () => {
    customer.given(created).when(createKey()).then(keyCreated());
  });

  test('of another owner or of nobody is refused as if the customer did not exist', () => {
    const refusal = { code: 'not-found' as const, rule: 'customer-unknown', message: 'no such customer', field: 'name' };
    customer.given(created).when(createKey({ caller: 'x' })).thenRejected(refusal);
    customer.given().when(createKey({ caller: '' })).thenRejected(refusal);
    customer.given(created, keyCreated()).when({ type: 'revoke-api-key', caller: 'x', keyId: 'k1', nowMs: 3 }).thenRejected(refusal);
  });

  test('needs known scopes, each once, and a positive cap', () => {
    customer.given(created).when(createKey({ scopes: ['root'] })).thenRejected({ rule: 'known-scope', field: 'scopes' });
    customer.given(created).when(createKey({ scopes: ['billing.read', 'billing.read'] })).thenRejected({ rule: 'unique', field: 'scopes' });
    customer.given(created).when(createKey({ spendCap: 0n })).thenRejected({ rule: 'positive', field: 'spend_cap_units' });
  });

  test('has a limit in number, which a revoked one does not count towards', () => {
    const many = Array.from({ length: VALID_KEYS_MAX }, (_, index) => keyCreated(`k${index}`));
    customer.given(created, ...many).when(createKey({ keyId: 'new' })).thenRejected({ rule: 'valid-keys-max' });
    const revoked: CustomerEvent = { type: 'skein.billing.customer.api-key-revoked.v1', data: { customerId: 'c', keyId: 'k0', prefix: 'aa', atMs: 3 } };
    customer.given(created, ...many, revoked).when(createKey({ keyId: 'new' })).then(keyCreated('new'));
  });

  test('is revoked once', () => {
    const revoke = { type: 'revoke-api-key' as const, caller: 'w', keyId: 'k1', nowMs: 3 };
    const revoked: CustomerEvent = { type: 'skein.billing.customer.api-key-revoked.v1', data: { customerId: 'c', keyId: 'k1', prefix: 'aa', atMs: 3 } };
    customer.given(created, keyCreated()).when(revoke).then(revoked);
    customer.given(created, keyCreated(), revoked).when(revoke).then();
    customer.given(created).when(revoke).thenRejected({ code: 'not-found', rule: 'api-key-unknown' });
  });
});
