import { readdirSync, readFileSync } from 'node:fs';
import { decodePayload, encodePayload, fold } from '@skein/kernel';
import { goldenStories } from '@skein/testing';
import { expect, test } from 'vitest';
import { callDecider } from '../src/domain/call/call.decider.js';
import { deploymentDecider } from '../src/domain/deployment/deployment.decider.js';
import { modelDecider } from '../src/domain/model/model.decider.js';
import { callLog, deploymentLog, modelLog, writtenEvents, type MarketplaceEvent } from './written-events.js';

/** Every type of the unions: the record makes the compiler complain about one that is missing here. */
const TYPES: Record<MarketplaceEvent['type'], true> = {
  'skein.marketplace.model.version-registered.v1': true,
  'skein.marketplace.model.version-admitted.v1': true,
  'skein.marketplace.model.alias-moved.v1': true,
  'skein.marketplace.deployment.deployed.v1': true,
  'skein.marketplace.deployment.price-changed.v1': true,
  'skein.marketplace.call.started.v1': true,
  'skein.marketplace.call.ran.v1': true,
  'skein.marketplace.call.captured.v1': true,
  'skein.marketplace.call.voided.v1': true,
};

const folder = new URL('./golden/events/', import.meta.url);
const stored = (type: string): unknown => JSON.parse(readFileSync(new URL(`${type}.json`, folder), 'utf8'));

test('every event type ever written has its golden file, and no other', () => {
  expect(readdirSync(folder).sort()).toEqual(Object.keys(TYPES).map((type) => `${type}.json`).sort());
});

test.each(Object.keys(TYPES))('%s is still written as it was, and is still read', (type) => {
  const event = writtenEvents().find((candidate) => candidate.type === type)!;
  expect(encodePayload(event.data)).toEqual(stored(type));
  expect(decodePayload(stored(type))).toEqual(event.data);
});

test('streams folded from the stored files give the same state', () => {
  for (const events of goldenStories(modelLog(), folder)) expect(fold(modelDecider, events)).toEqual(fold(modelDecider, modelLog()));
  for (const events of goldenStories(deploymentLog(), folder)) expect(fold(deploymentDecider, events)).toEqual(fold(deploymentDecider, deploymentLog()));
  for (const events of goldenStories(callLog(), folder)) expect(fold(callDecider, events)).toEqual(fold(callDecider, callLog()));
});

test('a kept deployment is what it was when this version of it was released: else its version has to be raised', () => {
  const { name, version, encode, decode } = deploymentDecider.snapshot!;
  const state = fold(deploymentDecider, deploymentLog());
  const kept: unknown = JSON.parse(readFileSync(new URL(`./golden/snapshots/${name}.v${version}.json`, import.meta.url), 'utf8'));
  expect(JSON.parse(JSON.stringify(encodePayload(encode(state))))).toEqual(kept);
  expect(decode(decodePayload(kept))).toEqual(state);
});
