import type { DomainEvent } from '@skein/kernel';
import type { OwnerShare } from './owner-shares.policy.js';

/** Where a version comes from. Names as in the public API; empty where there is none. */
export interface Lineage {
  readonly arenaTask: string;
  readonly federatedTask: string;
  readonly parents: readonly string[];
}

export interface TensorSpec {
  readonly name: string;
  /** FP32, FP64, INT32, INT64, BOOL, UINT8. */
  readonly datatype: string;
  /** -1 where any size fits; the batch comes first. */
  readonly shape: readonly number[];
}

/** What the admission probe measured for one row. */
export interface ProbeResult {
  readonly macs: number;
  readonly cpuUs: number;
  readonly bytes: number;
  readonly coldLoadUs: number;
  readonly peakMemoryBytes: number;
}

/** A version exists; it never changes. */
export type VersionRegistered = DomainEvent<
  'skein.marketplace.model.version-registered.v1',
  {
    model: string;
    version: number;
    registrant: string;
    artifactSha256: string;
    lineage: Lineage;
    developer: string;
    shares: readonly OwnerShare[];
    sharesVersion: number;
    licence: string;
    intendedUse: string;
    atMs: number;
  }
>;

/** The version's bytes passed the rules and the probe run; feeds price and placement. */
export type VersionAdmitted = DomainEvent<
  'skein.marketplace.model.version-admitted.v1',
  { model: string; version: number; inputs: readonly TensorSpec[]; outputs: readonly TensorSpec[]; probe: ProbeResult; runtime: string; atMs: number }
>;

/** A name such as `prod` points at a version. */
export type AliasMoved = DomainEvent<'skein.marketplace.model.alias-moved.v1', { model: string; alias: string; version: number; atMs: number }>;

export type ModelEvent = VersionRegistered | VersionAdmitted | AliasMoved;
