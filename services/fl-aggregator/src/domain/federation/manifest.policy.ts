import { ok, reject } from '@skein/kernel';
import type { Rejection, Result } from '@skein/kernel';
import { PPM } from './manifest.js';
import type { Manifest } from './manifest.js';

const SHA256 = /^[0-9a-f]{64}$/;

/** 64 lower-case hex digits. */
export const isSha256 = (text: string): boolean => SHA256.test(text);

interface Check {
  readonly field: string;
  readonly rule: string;
  readonly holds: boolean;
  readonly message: string;
}

const between = (field: string, value: number, min: number, max: number, integer = true): Check => ({
  field,
  rule: 'range',
  holds: Number.isFinite(value) && value >= min && value <= max && (!integer || Number.isInteger(value)),
  message: `${field} must be ${integer ? 'an integer ' : ''}between ${min} and ${max}`,
});

const hash = (field: string, value: string): Check => ({
  field,
  rule: 'sha256',
  holds: isSha256(value),
  message: `${field} must be 64 lower-case hex digits`,
});

function parameterChecks(manifest: Manifest): Check[] {
  const names = manifest.parameters.map(({ name }) => name);
  return [
    between('parameters', names.length, 1, 1_000),
    { field: 'parameters', rule: 'unique', holds: new Set(names).size === names.length, message: 'parameter names must differ' },
    ...manifest.parameters.flatMap(({ dims }, i) =>
      dims.map((size) => between(`parameters[${i}].dims`, size, 1, 100_000_000)),
    ),
  ];
}

function participantChecks(manifest: Manifest): Check[] {
  return [
    between('participants_max', manifest.participantsMax, 2, 10_000),
    between('participants_min', manifest.participantsMin, 2, manifest.participantsMax),
    between('proposers_ppm', manifest.proposersPpm, 1, PPM - 1),
    between('examples_max', manifest.examplesMax, 1, 1_000_000_000),
    { field: 'stake_threshold', rule: 'positive', holds: manifest.stakeThreshold > 0n, message: 'stake_threshold must be above zero' },
    between('slash_rate_ppm', manifest.slashRatePpm, 0, PPM),
    between('robust_score_max', manifest.robustScoreMax, 1, 1_000_000, false),
    between('vote_tolerance_ppm', manifest.voteTolerancePpm, 0, PPM),
  ];
}

function trainingChecks({ training, rounds, deadlines }: Manifest): Check[] {
  return [
    between('rounds', rounds, 1, 100_000),
    between('training.local_epochs', training.localEpochs, 1, 1_000),
    between('training.batch', training.batch, 1, 65_536),
    between('training.learning_rate', training.learningRate, 1e-9, 1e3, false),
    between('training.l2', training.l2, 0, 1e3, false),
    ...Object.entries(deadlines).map(([name, ms]) => between(`deadlines.${name}`, ms, 1_000, 30 * 86_400_000)),
  ];
}

/** Refuses a manifest by its first broken rule, naming the field. Whether rule names and graphs exist is the application's check. */
export function checkManifest(manifest: Manifest): Result<Manifest, Rejection> {
  const checks = [
    { field: 'title', rule: 'required', holds: manifest.title.trim() !== '', message: 'title must not be empty' },
    hash('forward_sha256', manifest.forwardSha256),
    hash('public_rows_sha256', manifest.publicRowsSha256),
    ...parameterChecks(manifest),
    ...trainingChecks(manifest),
    ...participantChecks(manifest),
  ];
  const broken = checks.find(({ holds }) => !holds);
  return broken ? reject('invalid-argument', broken.rule, broken.message, `manifest.${broken.field}`) : ok(manifest);
}
