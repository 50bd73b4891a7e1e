import { readdirSync, readFileSync } from 'node:fs';
import { fromBinary } from '@bufbuild/protobuf';
import { VerdictAgreedSchema, VerdictFailedSchema } from '@skein/contracts/validation';
import type { RecordedEvent } from '@skein/events';
import { decodePayload, encodePayload, fold } from '@skein/kernel';
import { goldenStories } from '@skein/testing';
import { expect, test } from 'vitest';
import { evaluationDecider } from '../src/domain/evaluation/evaluation.decider.js';
import { scoringDecider } from '../src/domain/scoring/scoring.decider.js';
import { validatorDecider } from '../src/domain/validator/validator.decider.js';
import { validationProjection } from '../src/projections/validation.projection.js';
import { verdictPublication } from '../src/publish/verdict.publication.js';
import { agreedStory, failedStory, goldenEvents, management, scoring, TYPES } from './golden-events.js';

const folder = new URL('./golden/events/', import.meta.url);
const stored = (type: string): unknown => JSON.parse(readFileSync(new URL(`${type}.json`, folder), 'utf8'));

test('every event type ever written has its golden file, and no other', () => {
  expect(readdirSync(folder).sort()).toEqual(TYPES.map((type) => `${type}.json`).sort());
});

test.each([...TYPES])('%s is still written as it was, and is still read', (type) => {
  const { data } = goldenEvents().get(type)!;
  expect(encodePayload(data)).toEqual(stored(type));
  expect(decodePayload(stored(type))).toEqual(data);
});

test('streams folded from the stored files give the same state', () => {
  for (const story of [agreedStory(), failedStory()]) for (const events of goldenStories(story, folder)) expect(fold(evaluationDecider, events).phase).toBe(fold(evaluationDecider, story).phase);
  for (const events of goldenStories(agreedStory(), folder)) expect(fold(evaluationDecider, events)).toEqual(fold(evaluationDecider, agreedStory()));
  for (const events of goldenStories(scoring(), folder)) expect(fold(scoringDecider, events)).toEqual(fold(scoringDecider, scoring()));
  for (const events of goldenStories(management(), folder)) expect(fold(validatorDecider, events)).toEqual(fold(validatorDecider, management()));
});

test('the read model knows every type but the validators’ settings', () => {
  expect([...validationProjection.types!, 'skein.validation.validator.management-changed.v1'].sort()).toEqual([...TYPES].sort());
});

const recorded = (type: string): RecordedEvent => ({
  streamId: 'evaluation-x', version: 7, position: 9n, eventId: '00000000-0000-8000-8000-000000000001', type, schemaVersion: 1,
  data: decodePayload(stored(type)), metadata: { correlationId: 'c', actor: 'service:validation' }, recordedAtMs: 1100,
});

test('verdicts are published with every number as it was decided', () => {
  const agreed = verdictPublication.map(recorded('skein.validation.verdict.agreed.v1'))!;
  const message = fromBinary(VerdictAgreedSchema, agreed.value);
  expect(agreed).toMatchObject({ topic: 'validation.verdict.v1', key: 'evaluation-x', type: 'skein.validation.verdict.agreed.v1' });
  expect(message).toMatchObject({ agreedScoreNano: 720_000_000n, madNano: 10_000_000n, toleranceNano: 10_000_000n, purpose: 'epoch' });
  expect(message.scores.map(({ distanceE18 }) => distanceE18)).toEqual(['1000000000000000000', '0', '1000000000000000000']);
  expect(message.missed.map(({ status, rule }) => [status, rule])).toEqual([['failed', 'runner-memory'], ['expired', 'not-sealed']]);
  const failed = fromBinary(VerdictFailedSchema, verdictPublication.map(recorded('skein.validation.verdict.failed.v1'))!.value);
  expect(failed).toMatchObject({ rule: 'quorum-missed', modelAtFault: false });
  expect(failed.missed).toHaveLength(5);
});
