import { Inject, Injectable } from '@nestjs/common';
import type { ArtifactStore } from '@skein/artifacts';
import { ArtifactInternalService } from '@skein/contracts/artifacts/internal';
import { concatBytes, RejectionError, unwrap } from '@skein/kernel';
import { ARTIFACTS, GRPC_CLIENTS, runShared, type GrpcClients } from '@skein/platform';
import type { ModelFiles } from '../application/ports.js';

const OWNER = 'service:marketplace';
const MODEL_BYTES_MAX = 64 * 1024 * 1024;
const CACHED_BYTES_MAX = 128 * 1024 * 1024;

/** Models' bytes: from memory, from the marketplace's own artifacts, or once from the service that made them, by its grant. */
@Injectable()
export class GrantedModelFiles implements ModelFiles {
  readonly #artifacts: ArtifactStore;
  readonly #clients: GrpcClients;
  /** In order of use: the first is dropped first. */
  readonly #cache = new Map<string, Uint8Array>();
  #cachedBytes = 0;
  /** Many calls of a new model wait for one fetch: each of its own would hold the bytes again. */
  readonly #fetches = new Map<string, Promise<Uint8Array>>();

  constructor(@Inject(ARTIFACTS) artifacts: ArtifactStore, @Inject(GRPC_CLIENTS) clients: GrpcClients) {
    this.#artifacts = artifacts;
    this.#clients = clients;
  }

  async bytes(sha256: string, source: 'arena' | 'fl-aggregator'): Promise<Uint8Array> {
    const bytes = this.#cache.get(sha256) ?? (await this.#own(sha256)) ?? (await this.#fetchOnce(sha256, source));
    this.#remember(sha256, bytes);
    return bytes;
  }

  async #own(sha256: string): Promise<Uint8Array | undefined> {
    const opened = await this.#artifacts.open(sha256, OWNER);
    return opened.ok ? opened.value.bytes() : undefined;
  }

  #fetchOnce(sha256: string, source: string): Promise<Uint8Array> {
    const fetching = this.#fetches.get(sha256) ?? runShared(() => this.#fetch(sha256, source)).finally(() => this.#fetches.delete(sha256));
    this.#fetches.set(sha256, fetching);
    return fetching;
  }

  async #fetch(sha256: string, source: string): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const { chunk } of this.#clients.client(ArtifactInternalService, source).downloadArtifact({ sha256 }, { timeoutMs: 30_000 })) {
      size += chunk.length;
      if (size > MODEL_BYTES_MAX) throw new RejectionError({ code: 'invalid-argument', rule: 'size', message: `a served model has at most ${MODEL_BYTES_MAX} bytes`, field: 'model' });
      chunks.push(chunk);
    }
    const bytes = concatBytes(...chunks);
    unwrap(await this.#artifacts.put({ owner: OWNER, bytes, sha256, mediaType: 'application/onnx' }));
    return bytes;
  }

  #remember(sha256: string, bytes: Uint8Array): void {
    if (this.#cache.delete(sha256)) this.#cachedBytes -= bytes.length;
    this.#cache.set(sha256, bytes);
    this.#cachedBytes += bytes.length;
    for (const [oldest, old] of this.#cache) {
      if (this.#cachedBytes <= CACHED_BYTES_MAX || oldest === sha256) return;
      this.#cache.delete(oldest);
      this.#cachedBytes -= old.length;
    }
  }
}
