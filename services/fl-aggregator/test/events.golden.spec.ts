import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { decodePayload, encodePayload, fold } from '@skein/kernel';
import { goldenStories } from '@skein/testing';
import { expect, test } from 'vitest';
import { federationDecider } from '../src/domain/index.js';
import type { FederationEvent } from '../src/domain/index.js';
import { wholeStory } from './whole-story.js';

/** Every type of the union: the record makes the compiler complain about one that is missing here. */
const TYPES: Record<FederationEvent['type'], true> = {
  'skein.federation.task.proposed.v1': true,
  'skein.federation.task.approved.v1': true,
  'skein.federation.node.joined.v1': true,
  'skein.federation.node.excluded.v1': true,
  'skein.federation.joining.closed.v1': true,
  'skein.federation.round.opened.v1': true,
  'skein.federation.contribution.accepted.v1': true,
  'skein.federation.contributing.closed.v1': true,
  'skein.federation.round.aggregated.v1': true,
  'skein.federation.vote.committed.v1': true,
  'skein.federation.revealing.opened.v1': true,
  'skein.federation.deadline.extended.v1': true,
  'skein.federation.vote.revealed.v1': true,
  'skein.federation.round.settled.v1': true,
  'skein.federation.round.voided.v1': true,
  'skein.federation.reward.carried.v1': true,
  'skein.federation.task.finished.v1': true,
  'skein.federation.model.exported.v1': true,
};

const folder = new URL('./golden/events/', import.meta.url);
const stored = (type: string): unknown => JSON.parse(readFileSync(new URL(`${type}.json`, folder), 'utf8'));

test('every event type ever written has its golden file, and no other', () => {
  expect(existsSync(folder)).toBe(true);
  expect(readdirSync(folder).sort()).toEqual(Object.keys(TYPES).map((type) => `${type}.json`).sort());
});

test.each(Object.keys(TYPES))('%s is still written as it was, and is still read', (type) => {
  const event = wholeStory().events.find((candidate) => candidate.type === type)!;
  expect(encodePayload(event.data)).toEqual(stored(type));
  expect(decodePayload(stored(type))).toEqual(event.data);
});

test('a log folded from the stored files gives the same state', () => {
  const story = wholeStory();
  for (const events of goldenStories(story.events, folder)) expect(fold(federationDecider, events)).toEqual(story.state);
  expect(story.state).toMatchObject({ phase: 'finished', roundsDone: 3 });
});
