import { readdirSync, readFileSync } from 'node:fs';
import { fromBinary, toJson, type DescMessage } from '@bufbuild/protobuf';
import {
  ApiKeyCreatedSchema, ApiKeyRevokedSchema, CallChargedSchema, CreditBoughtSchema, CustomerCreatedSchema, ReservationReleasedSchema, RewardsBookedSchema,
} from '@skein/contracts/billing';
import type { RecordedEvent } from '@skein/events';
import { HEADER } from '@skein/messaging';
import { expect, test } from 'vitest';
import { entitlementPublication } from '../src/publish/entitlement.publication.js';
import { ledgerPublication } from '../src/publish/ledger.publication.js';
import { customerLog, ledgerLog } from './written-events.js';

const SCHEMAS: Record<string, DescMessage> = {
  'skein.billing.customer.created.v1': CustomerCreatedSchema,
  'skein.billing.customer.api-key-created.v1': ApiKeyCreatedSchema,
  'skein.billing.customer.api-key-revoked.v1': ApiKeyRevokedSchema,
  'skein.billing.ledger.credit-bought.v1': CreditBoughtSchema,
  'skein.billing.ledger.call-charged.v1': CallChargedSchema,
  'skein.billing.ledger.credit-released.v1': ReservationReleasedSchema,
  'skein.billing.ledger.booked.v1': RewardsBookedSchema,
};
const publications = [entitlementPublication, ledgerPublication];
const folder = new URL('./golden/messages/', import.meta.url);

const recorded: RecordedEvent[] = [...customerLog(), ...ledgerLog()].map((event, index) => ({
  streamId: 'stream-1', version: index + 1, position: BigInt(index + 1), eventId: `event-${index}`, type: event.type, schemaVersion: 1, data: event.data,
  metadata: { correlationId: 'correlation', causationId: 'cause', actor: 'test' }, recordedAtMs: 1,
}));

test('a golden file per public message, and no other', () => {
  expect(readdirSync(folder).sort()).toEqual(Object.keys(SCHEMAS).map((type) => `${type}.json`).sort());
  expect(publications.flatMap(({ types = [] }) => types).sort()).toEqual(Object.keys(SCHEMAS).sort());
});

test.each(Object.keys(SCHEMAS))('%s is published as it was', (type) => {
  const event = recorded.find((candidate) => candidate.type === type)!;
  const publication = publications.find(({ types }) => types?.includes(type))!;
  const message = publication.map(event)!;
  expect(message).toMatchObject({ topic: publication.topic, key: 'stream-1', id: event.eventId, type });
  expect(message.headers).toMatchObject({ [HEADER.id]: event.eventId, [HEADER.correlationId]: 'correlation', [HEADER.causationId]: 'cause', [HEADER.position]: String(event.position) });
  expect(toJson(SCHEMAS[type]!, fromBinary(SCHEMAS[type]!, message.value))).toEqual(JSON.parse(readFileSync(new URL(`${type}.json`, folder), 'utf8')));
});

test('no transfer and no hold is published', () => {
  const types = new Set(recorded.map(({ type }) => type).filter((type) => !(type in SCHEMAS)));
  expect([...types].sort()).toEqual(['accounts-opened', 'credit-reserved', 'opened', 'terms-pinned', 'transfers-applied', 'transfers-refused'].map((name) => `skein.billing.ledger.${name}.v1`));
});
