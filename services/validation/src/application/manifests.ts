import { canonicalJson, hexToBytes, sha256Hex } from '@skein/kernel';
import { isMetricId } from '@skein/models';
import type { ReplayManifest } from '@skein/runner';
import type { Manifest } from '../domain/evaluation/evaluation.events.js';

/** A runner's manifest as the domain keeps it: the result by its bits only. */
export function manifestOf({ datasetSha256, result: _, ...fields }: ReplayManifest): Manifest {
  return { ...fields, dataSetSha256: datasetSha256 };
}

const OPTIMISATIONS: readonly string[] = ['disabled', 'basic', 'extended', 'all'] satisfies ReplayManifest['graphOptimisation'][];
const isOptimisation = (name: string): name is ReplayManifest['graphOptimisation'] => OPTIMISATIONS.includes(name);

/** The domain's manifest as a runner takes it; undefined where no runner of ours can follow it. */
export function runnerManifest({ dataSetSha256, metric, executionProvider, graphOptimisation, ...fields }: Manifest): ReplayManifest | undefined {
  if (!isMetricId(metric) || executionProvider !== 'cpu' || !isOptimisation(graphOptimisation)) return undefined;
  const bits = hexToBytes(fields.resultBits);
  const result = new DataView(bits.buffer, bits.byteOffset, bits.length).getFloat64(0);
  return { ...fields, datasetSha256: dataSetSha256, metric, executionProvider, graphOptimisation, result };
}

/** SHA-256 of a manifest, hex: `skein/replay/v1\0` ‖ its canonical JSON. */
export const manifestHash = (manifest: Manifest): string => sha256Hex(`skein/replay/v1\0${canonicalJson(manifest)}`);
