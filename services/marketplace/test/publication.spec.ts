import { readdirSync, readFileSync } from 'node:fs';
import { fromBinary, toJson, type DescMessage } from '@bufbuild/protobuf';
import { PriceChangedSchema, ReservationVoidedSchema, UsageRecordedSchema, VersionRegisteredSchema } from '@skein/contracts/marketplace';
import type { RecordedEvent } from '@skein/events';
import { HEADER } from '@skein/messaging';
import { expect, test } from 'vitest';
import { modelVersionPublication } from '../src/publish/model-version.publication.js';
import { pricePublication } from '../src/publish/price.publication.js';
import { usagePublication } from '../src/publish/usage.publication.js';
import { writtenEvents } from './written-events.js';

const SCHEMAS: Record<string, DescMessage> = {
  'skein.marketplace.model.version-registered.v1': VersionRegisteredSchema,
  'skein.marketplace.deployment.price-changed.v1': PriceChangedSchema,
  'skein.marketplace.call.ran.v1': UsageRecordedSchema,
  'skein.marketplace.call.voided.v1': ReservationVoidedSchema,
};
const publications = [modelVersionPublication, pricePublication, usagePublication];
const folder = new URL('./golden/messages/', import.meta.url);

/** The last event of a type: of prices the one with a window. */
const recorded = (type: string): RecordedEvent => {
  const { data } = writtenEvents().findLast((event) => event.type === type)!;
  const metadata = { correlationId: 'correlation', causationId: 'cause', actor: 'test' };
  return { streamId: 'stream-1', version: 3, position: 9n, eventId: 'event-1', type, schemaVersion: 1, data, metadata, recordedAtMs: 1 };
};

test('a golden file per public message, and no other', () => {
  expect(readdirSync(folder).sort()).toEqual(Object.keys(SCHEMAS).map((type) => `${type}.json`).sort());
  expect(publications.flatMap(({ types = [] }) => types).sort()).toEqual(Object.keys(SCHEMAS).sort());
});

test.each(Object.keys(SCHEMAS))('%s is published as it was', (type) => {
  const publication = publications.find(({ types }) => types?.includes(type))!;
  const message = publication.map(recorded(type))!;
  expect(message).toMatchObject({ topic: publication.topic, key: 'stream-1', id: 'event-1', type });
  expect(message.headers).toMatchObject({ [HEADER.correlationId]: 'correlation', [HEADER.causationId]: 'cause', [HEADER.position]: '9', [HEADER.streamVersion]: '3' });
  expect(toJson(SCHEMAS[type]!, fromBinary(SCHEMAS[type]!, message.value))).toEqual(JSON.parse(readFileSync(new URL(`${type}.json`, folder), 'utf8')));
});
