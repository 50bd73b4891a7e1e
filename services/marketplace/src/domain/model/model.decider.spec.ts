import { specOf } from '@skein/testing';
import { expect, test } from 'vitest';
import type { RegisterVersion } from './model.decider.js';
import { modelDecider } from './model.decider.js';
import type { ModelEvent } from './model.events.js';

const model = specOf(modelDecider);
const lineage = { arenaTask: 'tasks/a', federatedTask: 'federatedTasks/f', parents: [] };
const inputs = [{ name: 'x', datatype: 'FP32', shape: [-1, 8] }];
const outputs = [{ name: 'p', datatype: 'FP32', shape: [-1, 1] }];
const probe = { macs: 9, cpuUs: 5, bytes: 36, coldLoadUs: 900, peakMemoryBytes: 1_000 };
const register = (more: Partial<RegisterVersion> = {}): RegisterVersion => ({
  type: 'register-version', model: 'pima', caller: 'w', entitled: ['w', 'creator'], artifactSha256: 'aa', lineage,
  contributors: { developer: 'd', data: [], validators: [], parents: [] },
  licence: 'Apache-2.0', intendedUse: 'tests', inputs, outputs, probe, runtime: 'ort 1', nowMs: 7, ...more,
});
const registered = (version = 1): ModelEvent => ({
  type: 'skein.marketplace.model.version-registered.v1',
  data: {
    model: 'pima', version, registrant: 'w', artifactSha256: 'aa', lineage, developer: 'd', shares: [{ class: 'developer', payee: 'd', bps: 10_000 }],
    sharesVersion: 1, licence: 'Apache-2.0', intendedUse: 'tests', atMs: 7,
  },
});
const admitted = (version = 1): ModelEvent => ({
  type: 'skein.marketplace.model.version-admitted.v1',
  data: { model: 'pima', version, inputs, outputs, probe, runtime: 'ort 1', atMs: 7 },
});

test('a version is registered with the shares that follow from its lineage, and what the probe measured', () => {
  model.given().when(register()).then(registered(), admitted());
});

test('versions count up', () => {
  model.given(registered(), admitted()).when(register()).thenState((state) => {
    expect(state.versions.map(({ version, probe: measured }) => [version, measured.macs])).toEqual([[1, 9], [2, 9]]);
  });
});

test('a name belongs to whoever listed its first version', () => {
  model.given(registered(), admitted()).when(register({ caller: 'creator' })).thenRejected({ code: 'already-exists', rule: 'model-name-taken', field: 'model' });
});

test('only the lineage\'s owners may list it', () => {
  model.given().when(register({ caller: 'x' })).thenRejected({ code: 'permission-denied', rule: 'lineage-owner', field: 'lineage' });
});

test.each(['Pima', 'a_b', '-a', 'a--b', '', 'a'.repeat(49)])('"%s" is no model name', (name) => {
  model.given().when(register({ model: name })).thenRejected({ rule: 'format', field: 'model' });
});

test('an alias moves to a version that exists', () => {
  const move = { type: 'move-alias' as const, caller: 'w', alias: 'prod', version: 1, nowMs: 9 };
  const moved: ModelEvent = { type: 'skein.marketplace.model.alias-moved.v1', data: { model: 'pima', alias: 'prod', version: 1, atMs: 9 } };
  model.given(registered(), admitted()).when(move).then(moved);
  model.given(registered(), admitted(), moved).when(move).then();
  model.given(registered(), admitted()).when({ ...move, version: 2 }).thenRejected({ code: 'not-found' });
  model.given(registered(), admitted()).when({ ...move, caller: 'x' }).thenRejected({ code: 'not-found' });
});
