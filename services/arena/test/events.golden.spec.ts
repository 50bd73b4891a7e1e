import { readFileSync, readdirSync } from 'node:fs';
import { type DescMessage, fromBinary, toJson } from '@bufbuild/protobuf';
import * as contracts from '@skein/contracts/arena';
import type { RecordedEvent } from '@skein/events';
import { decodePayload, encodePayload, fold, schemaVersionOf, upcast } from '@skein/kernel';
import { goldenStories } from '@skein/testing';
import { describe, expect, test } from 'vitest';
import { caseDecider } from '../src/domain/case/case.decider.js';
import { emissionDecider } from '../src/domain/emission/emission.decider.js';
import { epochDecider } from '../src/domain/epoch/epoch.decider.js';
import type { EpochEvent } from '../src/domain/epoch/epoch.events.js';
import { finalDecider } from '../src/domain/final/final.decider.js';
import { taskDecider } from '../src/domain/task/task.decider.js';
import type { TaskEvent } from '../src/domain/task/task.events.js';
import { arenaUpcasters } from '../src/domain/upcasters.js';
import { arenaPublications } from '../src/index.js';
import { TYPES, goldenStreams } from './golden-events.js';

const folder = new URL('./golden/events/', import.meta.url);
const newestOf = (type: string): number => schemaVersionOf(arenaUpcasters, type);
const versionsOf = (type: string): number[] => Array.from({ length: newestOf(type) }, (_, at) => at + 1);
const fileOf = (type: string, version: number): string => (version === 1 ? `${type}.json` : `${type}.s${version}.json`);
const stored = (type: string, version = newestOf(type)): unknown => JSON.parse(readFileSync(new URL(fileOf(type, version), folder), 'utf8'));

test('every event type ever written has its golden file of every schema version, and no other', () => {
  expect(readdirSync(folder).sort()).toEqual(TYPES.flatMap((type) => versionsOf(type).map((version) => fileOf(type, version))).sort());
});

test.each([...TYPES])('%s is still written as it was, and is still read', (type) => {
  const { data } = goldenStreams().events.get(type)!;
  expect(encodePayload(data)).toEqual(stored(type));
  expect(decodePayload(stored(type))).toEqual(data);
});

test.each(TYPES.filter((type) => newestOf(type) > 1))('%s of former programs is read as if this one had written it, and not without its upcasters', (type) => {
  const { data } = goldenStreams().events.get(type)!;
  for (const version of versionsOf(type)) expect(upcast(arenaUpcasters, type, version, decodePayload(stored(type, version)))).toEqual(data);
  expect(upcast({}, type, 1, decodePayload(stored(type, 1)))).not.toEqual(data);
  expect(() => upcast({}, type, newestOf(type), data)).toThrow(`schema version ${newestOf(type)}, newer than this program knows (1)`);
});

test('streams folded from the stored files give the same state', () => {
  const { epoch, task, final, emission, slash } = goldenStreams();
  for (const events of goldenStories(slash.events, folder, arenaUpcasters)) expect(fold(caseDecider, events)).toEqual(slash.state);
  for (const events of goldenStories(epoch.events, folder, arenaUpcasters)) expect(fold(epochDecider, events)).toEqual(epoch.state);
  for (const events of goldenStories(task.events, folder, arenaUpcasters)) expect(fold(taskDecider, events)).toEqual(task.state);
  for (const events of goldenStories(final.events, folder, arenaUpcasters)) expect(fold(finalDecider, events)).toEqual(final.state);
  const calendars = goldenStories(emission.events, folder, arenaUpcasters);
  expect(calendars).toHaveLength(2);
  for (const events of calendars) expect(fold(emissionDecider, events)).toEqual(emission.state);
});

test('a kept calendar is what it was when this version of it was released: else its version has to be raised', () => {
  const { name, version, encode, decode } = emissionDecider.snapshot!;
  const { state } = goldenStreams().emission;
  const kept: unknown = JSON.parse(readFileSync(new URL(`./golden/snapshots/${name}.v${version}.json`, import.meta.url), 'utf8'));
  expect(JSON.parse(JSON.stringify(encodePayload(encode(state))))).toEqual(kept);
  expect(decode(decodePayload(kept))).toEqual(state);
});

test.each(['skein.arena.task.cancelled.v1', 'skein.arena.epoch.cancelled.v1'])('a stream that ends in a stored %s is over', (type) => {
  const event = { type, data: decodePayload(stored(type)) };
  const { epoch, task } = goldenStreams();
  const ended = type.includes('.task.') ? fold(taskDecider, [...task.events.slice(0, 3), event as TaskEvent]).status : fold(epochDecider, [...epoch.events.slice(0, 1), event as EpochEvent]).phase;
  expect(ended).toBe('cancelled');
});

const PUBLIC: Record<string, DescMessage> = {
  'skein.arena.task.proposed.v1': contracts.TaskProposedSchema,
  'skein.arena.task.opened.v1': contracts.TaskOpenedSchema,
  'skein.arena.training.started.v1': contracts.TrainingStartedSchema,
  'skein.arena.epoch.opened.v1': contracts.EpochOpenedSchema,
  'skein.arena.scoring.requested.v1': contracts.ScoringRequestedSchema,
  'skein.arena.final-validation.started.v1': contracts.FinalValidationStartedSchema,
  'skein.arena.challenge.started.v1': contracts.ChallengeStartedSchema,
  'skein.arena.task.finished.v1': contracts.TaskFinishedSchema,
  'skein.arena.task.cancelled.v1': contracts.TaskCancelledSchema,
  'skein.arena.submission.committed.v1': contracts.SubmissionCommittedSchema,
  'skein.arena.submission.revealed.v1': contracts.SubmissionRevealedSchema,
  'skein.arena.submission.admitted.v1': contracts.SubmissionAdmittedSchema,
  'skein.arena.submission.rejected.v1': contracts.SubmissionRejectedSchema,
  'skein.arena.submission.superseded.v1': contracts.SubmissionSupersededSchema,
  'skein.arena.submission.scored.v1': contracts.SubmissionScoredSchema,
  'skein.arena.case.opened.v1': contracts.CaseOpenedSchema,
  'skein.arena.case.decided.v1': contracts.CaseDecidedSchema,
  'skein.arena.case.dismissed.v1': contracts.CaseDismissedSchema,
  'skein.arena.case.finalised.v1': contracts.CaseFinalisedSchema,
  'skein.arena.epoch.rewarded.v1': contracts.EpochRewardedSchema,
  'skein.arena.locked-rewards.divided.v1': contracts.LockedRewardsDividedSchema,
  'skein.arena.vesting.started.v1': contracts.VestingStartedSchema,
};

const recorded = (type: string): RecordedEvent => ({
  streamId: 'stream-x', version: 7, position: 9n, eventId: '00000000-0000-8000-8000-000000000001', type, schemaVersion: 1,
  data: decodePayload(stored(type)), metadata: { correlationId: 'c', actor: 'service:arena' }, recordedAtMs: 1100,
});

function published() {
  return arenaPublications.flatMap((publication) => publication.types!.flatMap((type) => publication.map(recorded(type)) ?? []));
}

describe('public messages', () => {
  test('every public type is published on its topic, and none but those', () => {
    const types = published().map(({ topic, type }) => `${topic} ${type}`);
    expect(new Set(published().map(({ type }) => type))).toEqual(new Set(Object.keys(PUBLIC)));
    expect(new Set(types).size).toBe(types.length - 1); // scoring is requested for epochs and for the final
  });
  test('are still as they were', async () => {
    const json = published().map(({ topic, type, value }) => ({ topic, type, message: toJson(PUBLIC[type]!, fromBinary(PUBLIC[type]!, value)) }));
    await expect(`${JSON.stringify(json, null, 1)}\n`).toMatchFileSnapshot('./golden/public-messages.json');
  });
  test('say nothing of hashes before the reveals have closed, nor of exact scores in an epoch', () => {
    const text = JSON.stringify(published().filter(({ topic, type }) => topic === 'arena.submission.v1' && type !== 'skein.arena.submission.committed.v1').map(({ type, value }) => toJson(PUBLIC[type]!, fromBinary(PUBLIC[type]!, value))));
    expect(text).not.toContain('a'.repeat(64));
    expect(text).not.toContain('777000000');
  });
});
