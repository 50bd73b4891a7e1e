import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { decodePayload, encodePayload, fold } from '@skein/kernel';
import { expect, test } from 'vitest';
import { federationDecider } from '../src/domain/index.js';
import type { FederationEvent } from '../src/domain/index.js';
import { hashOf, manifestWith, SECONDS, Story, UNIT, wallet } from './story.js';

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
const NODES = ['a', 'b', 'c', 'd', 'e', 'f'].map(wallet);
const STAKES = Object.fromEntries(NODES.map((node) => [node, 50n * UNIT]));

/** Three rounds: one accepted, one voted down with an outlier, one extended after an outage and then void. */
function wholeStory(): Story {
  const story = new Story().start(manifestWith({ robustScoreMax: 15 }), 1_000n * UNIT, STAKES).open(STAKES);
  const members = (role: 'proposers' | 'voters'): string[] => story.state.round![role].map(({ node }) => node);
  const vote = (score: 1 | -1): void => {
    const voters = members('voters');
    for (const node of voters) story.commit(node, score);
    for (const node of voters) story.reveal(node, score);
  };
  for (const node of members('proposers')) story.contribute(node);
  story.aggregate(Object.fromEntries(members('proposers').map((node, i) => [node, 1 + i / 4])));
  vote(1);
  story.open(STAKES);
  const [outlier] = members('proposers') as [string];
  for (const node of members('proposers')) story.contribute(node);
  story.aggregate({ [outlier]: 31.5 }, hashOf('second'));
  for (const node of members('voters')) story.commit(node, -1, hashOf('second'));
  for (const node of members('voters')) story.reveal(node, -1, hashOf('second'));
  story.open(STAKES);
  story.nowMs += 60 * SECONDS;
  story.give({ kind: 'close-phase', round: 3, phase: 'contributing', nowMs: story.nowMs });
  story.give({ kind: 'close-phase', round: 3, phase: 'contributing', nowMs: story.nowMs + 30 * SECONDS, caller: wallet('caller') });
  story.give({ kind: 'record-export', sha256: hashOf('onnx') });
  return story;
}

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

test('a log read back from its stored form gives the same state', () => {
  const story = wholeStory();
  const back = story.events.map((event) => ({ type: event.type, data: decodePayload(JSON.parse(JSON.stringify(encodePayload(event.data)))) }) as FederationEvent);
  expect(fold(federationDecider, back)).toEqual(story.state);
  expect(story.state).toMatchObject({ phase: 'finished', roundsDone: 3 });
});
