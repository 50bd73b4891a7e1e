import type { OpenWorkflow } from '@skein/platform';
import type { Weighted } from '../domain/model/owner-shares.policy.js';

/** What is known of an arena task that is over. */
export interface ArenaFacts {
  readonly creator: string;
  /** Owner of the winner. */
  readonly developer: string;
  readonly artifactSha256: string;
  /** What the task paid each validator, and each delegation pool of one. */
  readonly validators: readonly Weighted[];
}

/** What is known of a federated task that is over. */
export interface FederatedFacts {
  readonly creator: string;
  readonly arenaTask: string;
  readonly modelSha256: string;
  /** Accepted rounds in which each node proposed. */
  readonly proposers: readonly Weighted[];
}

/** Port: the marketplace's own copy of who made what. Undefined until the task is over and its news has arrived. */
export interface LineageFacts {
  arenaTask(task: string): Promise<ArenaFacts | undefined>;
  federatedTask(task: string): Promise<FederatedFacts | undefined>;
}
export const LINEAGE = Symbol('LINEAGE');

/** Port: bytes of models by their hash, from the service that made them. */
export interface ModelFiles {
  /** `source` is the service that holds them until the marketplace has its own copy. */
  bytes(sha256: string, source: 'arena' | 'fl-aggregator'): Promise<Uint8Array>;
}
export const MODEL_FILES = Symbol('MODEL_FILES');

/** Port: which key a caller used. */
export interface CallerKeys {
  keyId(prefix: string): Promise<string | undefined>;
}
export const CALLER_KEYS = Symbol('CALLER_KEYS');

/** Port: runs models in child processes, and tells how much memory the largest of them took. */
export const RUNNER = Symbol('RUNNER');

/** A call in a list; amounts are decimal strings. */
export interface CallRow {
  readonly reservation_id: string;
  readonly customer: string;
  readonly model: string;
  readonly version: number;
  readonly state: string;
  readonly price_version: number;
  readonly unit_price_e15: string;
  readonly rows: number;
  readonly gross: string;
  readonly started_at_ms: string;
}

export interface PriceRow {
  readonly price_version: number;
  readonly unit_price_e15: string;
  readonly multiplier: string;
  readonly complexity: string;
  readonly calls_used: string;
  readonly window_from_ms: string;
  readonly window_to_ms: string;
  readonly cpu_us: string;
  readonly effective_at_ms: string;
}

export interface ModelRow {
  readonly model: string;
  readonly owner: string;
  readonly latest_version: number;
}

/** Port: what the read models answer. */
export interface MarketplaceQueries {
  models(limit: number, after: string): Promise<readonly ModelRow[]>;
  prices(model: string): Promise<readonly PriceRow[]>;
  calls(customer: string, limit: number, after: string): Promise<{ readonly rows: readonly CallRow[]; readonly nextPageToken: string }>;
  /** Waits until the read model of calls has seen everything committed so far. */
  settled(timeoutMs: number): Promise<void>;
  /** Calls that are neither captured nor voided, the oldest first. */
  openCalls(limit: number): Promise<readonly OpenWorkflow[]>;
  /** Calls of a model that ran in [fromMs, toMs), and the median CPU time of a row over its recent runs. */
  demand(model: string, fromMs: number, toMs: number): Promise<{ readonly callsUsed: number; readonly cpuUs: number | undefined }>;
}
export const QUERIES = Symbol('MARKETPLACE_QUERIES');
