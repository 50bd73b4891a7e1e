import { readdirSync, readFileSync } from 'node:fs';
import { fromBinary, toJson } from '@bufbuild/protobuf';
import type { DescMessage } from '@bufbuild/protobuf';
import {
  FederatedTaskApprovedSchema, FederatedTaskFinishedSchema, FederationNodeExcludedSchema, FederationNodeJoinedSchema, RoundOpenedSchema,
  RoundSettledSchema, RoundVoidedSchema,
} from '@skein/contracts/federation';
import type { RecordedEvent } from '@skein/events';
import { expect, test } from 'vitest';
import { federationPublication, TOPIC } from '../src/publish/federation.publication.js';
import { TASK_ID } from './story.js';
import { wholeStory } from './whole-story.js';

const PUBLIC: Readonly<Record<string, DescMessage>> = {
  'skein.federation.task.approved.v1': FederatedTaskApprovedSchema,
  'skein.federation.node.joined.v1': FederationNodeJoinedSchema,
  'skein.federation.node.excluded.v1': FederationNodeExcludedSchema,
  'skein.federation.round.opened.v1': RoundOpenedSchema,
  'skein.federation.round.settled.v1': RoundSettledSchema,
  'skein.federation.round.voided.v1': RoundVoidedSchema,
  'skein.federation.model.exported.v1': FederatedTaskFinishedSchema,
};
const folder = new URL('./golden/messages/', import.meta.url);

const recorded = wholeStory().events.map(
  (event, i): RecordedEvent => ({
    ...event, streamId: `federation-${TASK_ID}`, version: i + 1, position: BigInt(i + 1), eventId: `00000000-0000-8000-8000-${String(i).padStart(12, '0')}`,
    schemaVersion: 1, metadata: { correlationId: 'correlation', actor: 'test' }, recordedAtMs: 1_700_000_000_000 + i,
  }),
);
const published = recorded.flatMap((event) => {
  const message = federationPublication.map(event);
  return message ? [{ event, message }] : [];
});

test('published is what is public, under its own type, by the task\'s stream', () => {
  expect(new Set(published.map(({ message }) => message.type))).toEqual(new Set(Object.keys(PUBLIC)));
  expect([...federationPublication.types!].sort()).toEqual(Object.keys(PUBLIC).sort());
  for (const { event, message } of published) expect(message).toMatchObject({ topic: TOPIC, key: event.streamId, id: event.eventId, type: event.type });
});

test('a golden file per public message, and no other', () => {
  expect(readdirSync(folder).sort()).toEqual(Object.keys(PUBLIC).map((type) => `${type}.json`).sort());
});

test.each(Object.keys(PUBLIC))('%s says what it has always said', (type) => {
  const { message } = published.find((one) => one.message.type === type)!;
  const schema = PUBLIC[type]!;
  expect(toJson(schema, fromBinary(schema, message.value))).toEqual(JSON.parse(readFileSync(new URL(`${type}.json`, folder), 'utf8')));
});

test('neither updates nor votes leave the service', () => {
  const all = published.map(({ message }) => Buffer.from(message.value).toString('latin1')).join();
  for (const { type, data } of wholeStory().events) {
    if (type === 'skein.federation.contribution.accepted.v1') expect(all).not.toContain(data.sha256);
    if (type === 'skein.federation.vote.committed.v1') expect(all).not.toContain(data.commit);
  }
});
