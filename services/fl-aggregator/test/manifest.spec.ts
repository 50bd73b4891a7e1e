import { expect, test } from 'vitest';
import { checkManifest } from '../src/domain/federation/manifest.policy.js';
import type { Manifest } from '../src/domain/federation/manifest.js';
import { manifestWith } from './story.js';

const base = manifestWith();

test('a good manifest passes', () => {
  expect(checkManifest(base)).toEqual({ ok: true, value: base });
});

test.each<[string, string, Partial<Manifest>]>([
  ['manifest.title', 'required', { title: ' ' }],
  ['manifest.forward_sha256', 'sha256', { forwardSha256: 'ABC' }],
  ['manifest.public_rows_sha256', 'sha256', { publicRowsSha256: '' }],
  ['manifest.parameters', 'range', { parameters: [] }],
  ['manifest.parameters', 'unique', { parameters: [{ name: 'w', dims: [1] }, { name: 'w', dims: [2] }] }],
  ['manifest.parameters[0].dims', 'range', { parameters: [{ name: 'w', dims: [0] }] }],
  ['manifest.rounds', 'range', { rounds: 0 }],
  ['manifest.training.local_epochs', 'range', { training: { ...base.training, localEpochs: 0 } }],
  ['manifest.training.batch', 'range', { training: { ...base.training, batch: 1.5 } }],
  ['manifest.training.learning_rate', 'range', { training: { ...base.training, learningRate: Number.NaN } }],
  ['manifest.training.l2', 'range', { training: { ...base.training, l2: -1 } }],
  ['manifest.deadlines.joiningMs', 'range', { deadlines: { ...base.deadlines, joiningMs: 10 } }],
  ['manifest.participants_max', 'range', { participantsMax: 1 }],
  ['manifest.participants_min', 'range', { participantsMin: 7 }],
  ['manifest.proposers_ppm', 'range', { proposersPpm: 1_000_000 }],
  ['manifest.examples_max', 'range', { examplesMax: 0 }],
  ['manifest.stake_threshold', 'positive', { stakeThreshold: 0n }],
  ['manifest.slash_rate_ppm', 'range', { slashRatePpm: 1_000_001 }],
  ['manifest.robust_score_max', 'range', { robustScoreMax: Number.POSITIVE_INFINITY }],
  ['manifest.vote_tolerance_ppm', 'range', { voteTolerancePpm: -1 }],
])('%s breaks %s', (field, rule, change) => {
  expect(checkManifest(manifestWith(change))).toMatchObject({ ok: false, error: { code: 'invalid-argument', field, rule } });
});
