import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { decodePayload, encodePayload, fold, schemaVersionOf, upcast } from '@skein/kernel';
import { goldenStories } from '@skein/testing';
import { expect, test } from 'vitest';
import { federationDecider, federationUpcasters } from '../src/domain/index.js';
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
  'skein.federation.slash.finalised.v1': true,
  'skein.federation.task.finished.v1': true,
  'skein.federation.model.exported.v1': true,
};

const folder = new URL('./golden/events/', import.meta.url);
const newestOf = (type: string): number => schemaVersionOf(federationUpcasters, type);
const versionsOf = (type: string): number[] => Array.from({ length: newestOf(type) }, (_, at) => at + 1);
const fileOf = (type: string, version: number): string => (version === 1 ? `${type}.json` : `${type}.s${version}.json`);
const stored = (type: string, version = newestOf(type)): unknown => JSON.parse(readFileSync(new URL(fileOf(type, version), folder), 'utf8'));

test('every event type ever written has its golden file of every schema version, and no other', () => {
  expect(existsSync(folder)).toBe(true);
  expect(readdirSync(folder).sort()).toEqual(Object.keys(TYPES).flatMap((type) => versionsOf(type).map((version) => fileOf(type, version))).sort());
});

test.each(Object.keys(TYPES))('%s is still written as it was, and is still read', (type) => {
  const event = wholeStory().events.find((candidate) => candidate.type === type)!;
  expect(encodePayload(event.data)).toEqual(stored(type));
  expect(decodePayload(stored(type))).toEqual(event.data);
});

test('a log folded from the stored files gives the same state; from those of former programs, but for what they did not tell', () => {
  const story = wholeStory();
  const [former, newest] = goldenStories(story.events, folder, federationUpcasters).map((events) => fold(federationDecider, events));
  expect(newest).toEqual(story.state);
  expect(story.state).toMatchObject({ phase: 'finished', roundsDone: 3 });
  // What slashes of the void round brought was not told apart from the pool's FLOCK.
  expect(story.state.gmLeft).toBe(17_500_000_000_000_000_000n);
  expect(former).toEqual({ ...story.state, gmLeft: 0n });
});

test.each(Object.keys(TYPES).filter((type) => newestOf(type) > 1))('%s of former programs keeps its money and tells nothing that was not known', (type) => {
  const before = decodePayload(stored(type, 1)) as object;
  const lifted = upcast(federationUpcasters, type, 1, before) as { readonly payments?: readonly object[] };
  expect(lifted).toMatchObject({ ...before, ...(type.includes('.task.') ? { latestEndMs: 0, slashBps: 0 } : { leftGm: 0n }) });
  for (const payment of lifted.payments ?? []) expect(payment).toMatchObject({ gm: 0n });
});
