import type { ArtifactStore } from '@skein/artifacts';
import { type Rejection, type Result, ok, reject, sha256Hex } from '@skein/kernel';
import { parseCsv, rowHashes } from '@skein/models';
import type { DataSetFact } from '../domain/task/task.policy.js';

/** Reads and grants as this service. */
export const SERVICE_PRINCIPAL = 'service:arena';
export const TASK_DATA = 'task-data';

export interface NamedSet {
  readonly field: string;
  readonly sha256: string;
}

export interface CheckedSets {
  readonly facts: readonly DataSetFact[];
  readonly labelColumn: string;
}

interface LoadedSet extends NamedSet {
  readonly labelColumn: string;
  readonly features: number;
  readonly rows: readonly string[];
}

const DATA_SET_BYTES_MAX = 64 * 1024 * 1024;
const headerOf = (bytes: Uint8Array): string[] => {
  const end = bytes.indexOf(10);
  return new TextDecoder().decode(bytes.subarray(0, end < 0 ? bytes.length : end)).replace(/\r$/, '').split(',');
};

async function loadSet(artifacts: ArtifactStore, owner: string, set: NamedSet, labelColumn: string): Promise<Result<LoadedSet, Rejection>> {
  const opened = await artifacts.open(set.sha256, owner);
  if (!opened.ok) return reject('invalid-argument', 'artifact-not-found', 'you have not uploaded this artifact', set.field);
  if (opened.value.sizeBytes > DATA_SET_BYTES_MAX) return reject('invalid-argument', 'size', `a data set has at most ${DATA_SET_BYTES_MAX} bytes`, set.field);
  const bytes = await opened.value.bytes();
  const names = headerOf(bytes);
  const label = labelColumn || names.at(-1)!;
  const features = names.filter((name) => name !== label);
  const parsed = parseCsv(bytes, { features, label });
  if (!parsed.ok) return { ok: false, error: { ...parsed.error, field: set.field } };
  return ok({ ...set, labelColumn: label, features: features.length, rows: rowHashes(parsed.value) });
}

function checkTogether(sets: readonly LoadedSet[], inputSize: number): Result<void, Rejection> {
  const seen = new Map<string, string>();
  for (const { field, features, labelColumn, rows } of sets) {
    if (features !== inputSize) return reject('invalid-argument', 'feature-count', `the set has ${features} features, the model's input takes ${inputSize}`, field);
    if (labelColumn !== sets[0]!.labelColumn) return reject('invalid-argument', 'label-column', `the label column is ${labelColumn} here and ${sets[0]!.labelColumn} elsewhere`, field);
    for (const row of new Set(rows)) {
      const other = seen.get(row);
      if (other !== undefined) return reject('invalid-argument', 'data-sets-disjoint', `a row of this set is also in ${other}`, field);
      seen.set(row, field);
    }
  }
  return ok(undefined);
}

/** Reads every set as its uploader, checks them one by one and against each other; messages name lines, never rows. */
export async function checkDataSets(artifacts: ArtifactStore, owner: string, named: readonly NamedSet[], labelColumn: string, inputSize: number): Promise<Result<CheckedSets, Rejection>> {
  const sets: LoadedSet[] = [];
  for (const set of named) {
    const loaded = await loadSet(artifacts, owner, set, labelColumn);
    if (!loaded.ok) return loaded;
    sets.push(loaded.value);
  }
  const together = checkTogether(sets, inputSize);
  if (!together.ok) return together;
  const facts = sets.map(({ sha256, rows }) => ({ sha256, rows: rows.length, rowsDigest: sha256Hex([...rows].sort().join('\n')) }));
  return ok({ facts, labelColumn: sets[0]!.labelColumn });
}
