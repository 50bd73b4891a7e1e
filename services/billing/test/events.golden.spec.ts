import { readdirSync, readFileSync } from 'node:fs';
import { canonicalJson, decodePayload, encodePayload, fold } from '@skein/kernel';
import { goldenStories } from '@skein/testing';
import { expect, test } from 'vitest';
import { customerDecider } from '../src/domain/customer/customer.decider.js';
import type { CustomerEvent } from '../src/domain/customer/customer.events.js';
import { ledgerDecider } from '../src/domain/ledger/ledger.decider.js';
import type { LedgerEvent } from '../src/domain/ledger/ledger.events.js';
import { customerLog, ledgerLog } from './written-events.js';

/** Every type of the unions: the record makes the compiler complain about one that is missing here. */
const TYPES: Record<(LedgerEvent | CustomerEvent)['type'], true> = {
  'skein.billing.customer.created.v1': true,
  'skein.billing.customer.api-key-created.v1': true,
  'skein.billing.customer.api-key-revoked.v1': true,
  'skein.billing.ledger.opened.v1': true,
  'skein.billing.ledger.accounts-opened.v1': true,
  'skein.billing.ledger.transfers-applied.v1': true,
  'skein.billing.ledger.transfers-refused.v1': true,
  'skein.billing.ledger.credit-bought.v1': true,
  'skein.billing.ledger.terms-pinned.v1': true,
  'skein.billing.ledger.credit-reserved.v1': true,
  'skein.billing.ledger.call-charged.v1': true,
  'skein.billing.ledger.credit-released.v1': true,
  'skein.billing.ledger.booked.v1': true,
};

const folder = new URL('./golden/events/', import.meta.url);
const stored = (type: string): unknown => JSON.parse(readFileSync(new URL(`${type}.json`, folder), 'utf8'));

test('every event type ever written has its golden file, and no other', () => {
  expect(readdirSync(folder).sort()).toEqual(Object.keys(TYPES).map((type) => `${type}.json`).sort());
});

test.each(Object.keys(TYPES))('%s is still written as it was, and is still read', (type) => {
  const event = [...ledgerLog(), ...customerLog()].find((candidate) => candidate.type === type)!;
  expect(encodePayload(event.data)).toEqual(stored(type));
  expect(decodePayload(stored(type))).toEqual(event.data);
});

test('a ledger folded from the stored files has the same balances and chain head, a customer the same keys', () => {
  const state = fold(ledgerDecider, ledgerLog());
  for (const log of goldenStories(ledgerLog(), folder)) {
    const again = fold(ledgerDecider, log);
    expect(canonicalJson([...again.books.accounts])).toBe(canonicalJson([...state.books.accounts]));
    expect(again.head).toBe(state.head);
  }
  for (const log of goldenStories(customerLog(), folder)) expect(fold(customerDecider, log)).toEqual(fold(customerDecider, customerLog()));
});
