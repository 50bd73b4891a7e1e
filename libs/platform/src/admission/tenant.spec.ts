import { expect, test } from 'vitest';
import { addressOf, tenantName } from './tenant.js';

test('an address is the peer without its port', () => {
  expect(['127.0.0.1:50412', '::1:50412', 'unix:/tmp/a.sock'].map(addressOf)).toEqual(['127.0.0.1', '::1', 'unix:/tmp/a.sock']);
});

test('a tenant is whoever pays or, where nobody is known, where the call comes from', () => {
  expect(tenantName({ kind: 'organisation', organisation: 'o', scopes: [] }, '10.0.0.1')).toBe('organisation:o');
  expect(tenantName({ kind: 'wallet', wallet: 'eip155:1:0x0', scopes: [] }, '10.0.0.1')).toBe('wallet:eip155:1:0x0');
  expect(tenantName({ kind: 'service', service: 'billing' }, '10.0.0.1')).toBe('service:billing');
  expect(tenantName({ kind: 'operator' }, undefined)).toBe('operator');
  expect(tenantName({ kind: 'anonymous' }, '10.0.0.1')).toBe('address:10.0.0.1');
  expect(tenantName({ kind: 'anonymous' }, undefined)).toBe('address:');
});
