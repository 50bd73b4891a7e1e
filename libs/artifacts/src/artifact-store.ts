import type { Readable } from 'node:stream';
import type { Rejection, Result } from '@skein/kernel';

/** Who reads or owns: a CAIP-10 wallet, `organisation:<id>`, `service:<name>` or `operator`. */
export type Principal = string;

/** What the store knows about bytes it holds. `sha256` is 64 lower-case hex digits: a name, not a right. */
export interface ArtifactInfo {
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly mediaType: string;
}

/** An upload. `sha256` is the announced name: other bytes are refused and leave nothing behind. */
export interface PutArtifact {
  readonly owner: Principal;
  readonly bytes: Uint8Array | AsyncIterable<Uint8Array>;
  readonly sha256?: string;
  readonly mediaType?: string;
  /** Most bytes accepted; never above the store's own limit. */
  readonly sizeBytesMax?: number;
}

/** The right of one reader to one artifact for one purpose, until `expiresAtMs` by the database's clock (for ever when absent). */
export interface ArtifactGrant {
  readonly sha256: string;
  readonly reader: Principal;
  readonly purpose: string;
  readonly grantedBy: Principal;
  readonly expiresAtMs?: number;
}

/** Bytes that the reader may read. Both ways check the hash; bytes rotten on disk end in an error, never in wrong data. */
export interface OpenedArtifact extends ArtifactInfo {
  stream(): Readable;
  bytes(): Promise<Uint8Array>;
}

/** That an owner's artifact was deleted: when, by whom, why. The log keeps the hash. */
export interface ArtifactDeletion {
  readonly sha256: string;
  readonly owner: Principal;
  readonly deletedBy: Principal;
  readonly reason: string;
  readonly deletedAtMs: number;
}

/**
 * Bytes named by their SHA-256, with grants. Owners and granted readers see an artifact; for anybody else the refusal
 * (`not-found`, rule `artifact-not-found`) is the same whether or not the bytes exist, and so is the answer to an upload.
 */
export interface ArtifactStore {
  /** Rules: `hash-mismatch`, `hash-format`, `artifact-too-large`. Uploading what is already there succeeds and adds the owner. */
  put(upload: PutArtifact): Promise<Result<ArtifactInfo, Rejection>>;
  stat(sha256: string, reader: Principal): Promise<Result<ArtifactInfo, Rejection>>;
  open(sha256: string, reader: Principal): Promise<Result<OpenedArtifact, Rejection>>;
  /** Only an owner may grant; giving the same grant again replaces its expiry. */
  grant(grant: ArtifactGrant): Promise<Result<void, Rejection>>;
  /** Only an owner may revoke. Without `purpose` every grant of the reader. */
  revoke(grant: Omit<ArtifactGrant, 'purpose' | 'expiresAtMs'> & { readonly purpose?: string }): Promise<Result<void, Rejection>>;
  /** Ends one owner's ownership and the grants it gave, removes the bytes with the last owner, records the fact. */
  delete(sha256: string, request: { readonly owner: Principal; readonly deletedBy: Principal; readonly reason: string }): Promise<Result<ArtifactDeletion, Rejection>>;
}
