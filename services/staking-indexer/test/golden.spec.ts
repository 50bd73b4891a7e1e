import { readdirSync, readFileSync } from 'node:fs';
import { fromBinary, toBinary, toJson } from '@bufbuild/protobuf';
import { PositionChangedSchema } from '@skein/contracts/staking';
import type { RecordedEvent } from '@skein/events';
import { decodePayload, encodePayload, fold } from '@skein/kernel';
import { expect, test } from 'vitest';
import { chainDecider } from '../src/domain/chain/chain.decider.js';
import type { ChainEvent } from '../src/domain/chain/chain.events.js';
import { positionDecider } from '../src/domain/position/position.decider.js';
import type { PositionEvent } from '../src/domain/position/position.events.js';
import { stakingProjection } from '../src/projections/staking.projection.js';
import { positionsPublication } from '../src/publish/positions.publication.js';
import { goldenEvents } from './golden-events.js';

const folder = new URL('./golden/events/', import.meta.url);
const read = (file: string): { type: string; schemaVersion: number; data: unknown } =>
  JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as { type: string; schemaVersion: number; data: unknown };
const files = readdirSync(folder);

test('every event type has its golden file, and nothing else has', () => {
  const types = new Set([...goldenEvents.map((event) => event.type), ...(stakingProjection.types ?? []), ...(positionsPublication.types ?? [])]);
  expect(files.map((file) => file.replace(/\.json$/, '')).sort()).toEqual([...types].sort());
});

test.each(goldenEvents.map((event) => [event.type, event] as const))('%s is stored as it was first', (type, event) => {
  expect(read(`${type}.json`)).toEqual({ type, schemaVersion: 1, data: encodePayload(event.data) });
});

test('the stored events still fold', () => {
  const stored = files.map(read).map(({ type, data }) => ({ type, data: decodePayload(data) }));
  const position = stored.filter(({ type }) => type.includes('.position.')) as PositionEvent[];
  const order = ['chain.started', 'fact.observed', 'fact.finalised', 'cursor.moved'];
  const chain = order.map((name) => stored.find(({ type }) => type.includes(name)) as ChainEvent);
  expect(fold(chainDecider, chain)).toMatchObject({ chainId: 31337, stakedFinal: 2_000n * 10n ** 18n, cursor: { number: 15 } });
  expect(fold(positionDecider, position).stakes).toHaveLength(1);
});

test('the public event is what it was first', () => {
  const event = goldenEvents.find(({ type }) => type === 'skein.staking.position.changed.v1')!;
  const recorded: RecordedEvent = {
    ...event,
    streamId: 'position-x',
    version: 5,
    position: 9n,
    eventId: '00000000-0000-8000-8000-000000000001',
    schemaVersion: 1,
    metadata: { correlationId: 'chain-31337', causationId: 'cause', actor: 'positions' },
    recordedAtMs: 1000,
  };
  const message = positionsPublication.map(recorded)!;
  const golden = JSON.parse(readFileSync(new URL('./golden/position-changed.json', import.meta.url), 'utf8')) as {
    key: string;
    json: unknown;
    bytes: string;
  };
  const decoded = fromBinary(PositionChangedSchema, message.value);
  expect({ key: message.key, json: toJson(PositionChangedSchema, decoded), bytes: Buffer.from(message.value).toString('hex') }).toEqual(golden);
  expect(toBinary(PositionChangedSchema, fromBinary(PositionChangedSchema, Buffer.from(golden.bytes, 'hex')))).toEqual(message.value);
});
