import { join } from 'node:path';
import { ok, reject, type Rejection, type Result } from '@skein/kernel';
import type pg from 'pg';
import type { ArtifactDeletion, ArtifactGrant, ArtifactInfo, ArtifactStore, OpenedArtifact, Principal, PutArtifact } from './artifact-store.js';
import { ArtifactTable } from './artifact-table.js';
import { BlobFolder, TooLargeError, type ReceivedBlob } from './blob-folder.js';

const SHA256 = /^[0-9a-f]{64}$/;
const MEDIA_TYPE = 'application/octet-stream';
const SIZE_BYTES_MAX = 256 * 1024 * 1024;

/** What the store needs. */
export interface FilesystemArtifactStoreOptions {
  /** The service's own database, migrated with `artifactsMigrations`. */
  readonly pool: pg.Pool;
  /** Folder shared by all services (`ARTIFACTS_DIR`); each has its own prefix below it. */
  readonly dir: string;
  /** The service's name: its prefix. */
  readonly service: string;
  /** Largest artifact; default 256 MiB. */
  readonly sizeBytesMax?: number;
}

const notFound = (): Result<never, Rejection> => reject('not-found', 'artifact-not-found', 'there is no such artifact for you', 'sha256');

/** Artifacts in a folder, grants in the service's database. */
export class FilesystemArtifactStore implements ArtifactStore {
  readonly #table: ArtifactTable;
  readonly #folder: BlobFolder;
  readonly #sizeBytesMax: number;

  constructor(options: FilesystemArtifactStoreOptions) {
    this.#table = new ArtifactTable(options.pool);
    this.#folder = new BlobFolder(join(options.dir, options.service));
    this.#sizeBytesMax = options.sizeBytesMax ?? SIZE_BYTES_MAX;
  }

  async put(upload: PutArtifact): Promise<Result<ArtifactInfo, Rejection>> {
    if (upload.sha256 !== undefined && !SHA256.test(upload.sha256)) return reject('invalid-argument', 'hash-format', 'a SHA-256 has 64 lower-case hex digits', 'sha256');
    const sizeBytesMax = Math.min(upload.sizeBytesMax ?? this.#sizeBytesMax, this.#sizeBytesMax);
    let blob: ReceivedBlob;
    try {
      blob = await this.#folder.receive(upload.bytes, sizeBytesMax);
    } catch (error) {
      if (error instanceof TooLargeError) return reject('invalid-argument', 'artifact-too-large', `an artifact has at most ${sizeBytesMax} bytes`, 'bytes');
      throw error;
    }
    try {
      if (upload.sha256 !== undefined && upload.sha256 !== blob.sha256) return reject('invalid-argument', 'hash-mismatch', 'the bytes do not match the announced SHA-256', 'sha256');
      const info = { sha256: blob.sha256, sizeBytes: blob.sizeBytes, mediaType: upload.mediaType ?? MEDIA_TYPE };
      await this.#table.announce(blob.sha256);
      await this.#table.own(info, upload.owner, () => this.#folder.keep(blob));
      return ok(info);
    } finally {
      await this.#folder.discard(blob);
    }
  }

  async stat(sha256: string, reader: Principal): Promise<Result<ArtifactInfo, Rejection>> {
    const info = await this.#table.visible(sha256, reader);
    return info === undefined ? notFound() : ok(info);
  }

  async open(sha256: string, reader: Principal): Promise<Result<OpenedArtifact, Rejection>> {
    const info = await this.#table.visible(sha256, reader);
    if (info === undefined) return notFound();
    return ok({ ...info, stream: () => this.#folder.stream(sha256), bytes: () => this.#folder.bytes(sha256) });
  }

  async grant(grant: ArtifactGrant): Promise<Result<void, Rejection>> {
    return (await this.#table.grant(grant)) ? ok(undefined) : notFound();
  }

  async revoke(grant: { sha256: string; reader: Principal; grantedBy: Principal; purpose?: string }): Promise<Result<void, Rejection>> {
    return (await this.#table.revoke(grant.sha256, grant.reader, grant.grantedBy, grant.purpose)) ? ok(undefined) : notFound();
  }

  async delete(sha256: string, request: { owner: Principal; deletedBy: Principal; reason: string }): Promise<Result<ArtifactDeletion, Rejection>> {
    const deletion = await this.#table.disown(sha256, request.owner, request.deletedBy, request.reason);
    if (deletion === undefined) return notFound();
    await this.#clearUnowned([sha256]);
    return ok(deletion);
  }

  /** Finishes what a crash has interrupted: bytes without an owner and temporary files. Call it at start. */
  async sweep(): Promise<void> {
    await this.#clearUnowned(await this.#table.unowned());
    await this.#folder.sweepTemporary(Date.now());
  }

  async #clearUnowned(names: readonly string[]): Promise<void> {
    for (const sha256 of names) await this.#table.clear(sha256, () => this.#folder.remove(sha256));
  }
}
