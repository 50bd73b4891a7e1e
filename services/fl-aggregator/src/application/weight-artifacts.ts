import { Inject, Injectable } from '@nestjs/common';
import { decodeWeights, encodeWeights } from '@skein/aggregation';
import type { TensorSpec, Vector } from '@skein/aggregation';
import type { ArtifactStore } from '@skein/artifacts';
import { unwrap } from '@skein/kernel';
import { ARTIFACTS } from '@skein/platform';
import { SELF } from './ports.js';

/** Media type of weights and updates. */
export const SAFETENSORS = 'application/vnd.safetensors';
/** Media type of models. */
export const ONNX = 'application/onnx';

/** Weights and models as artifacts that this service owns. */
@Injectable()
export class WeightArtifacts {
  readonly #store: ArtifactStore;
  constructor(@Inject(ARTIFACTS) store: ArtifactStore) {
    this.#store = store;
  }

  /** Bytes that this service holds. */
  async bytes(sha256: string): Promise<Uint8Array> {
    return (unwrap(await this.#store.open(sha256, SELF))).bytes();
  }

  /** Keeps what `owner` has uploaded, so that it stays whatever the owner does; refuses what the owner may not read. */
  async adopt(sha256: string, owner: string): Promise<Uint8Array> {
    const opened = unwrap(await this.#store.open(sha256, owner));
    const bytes = await opened.bytes();
    unwrap(await this.#store.put({ owner: SELF, bytes, sha256, mediaType: opened.mediaType }));
    return bytes;
  }

  /** Float32 weights by their hash. */
  async weights(sha256: string, specs: readonly TensorSpec[]): Promise<Float32Array> {
    return unwrap(decodeWeights(specs, await this.bytes(sha256)));
  }

  /** Stores weights in their canonical file; readable by the given principals. */
  async putWeights(specs: readonly TensorSpec[], weights: Vector, readers: readonly string[] = []): Promise<string> {
    return this.#put(encodeWeights(specs, weights), SAFETENSORS, readers);
  }

  /** Stores a model; readable by the given principals. */
  async putModel(bytes: Uint8Array, readers: readonly string[]): Promise<string> {
    return this.#put(bytes, ONNX, readers);
  }

  /** Lets others read what this service owns. */
  async grant(sha256: string, readers: readonly string[]): Promise<void> {
    for (const reader of readers) unwrap(await this.#store.grant({ sha256, reader, purpose: 'federation', grantedBy: SELF }));
  }

  async #put(bytes: Uint8Array, mediaType: string, readers: readonly string[]): Promise<string> {
    const { sha256 } = unwrap(await this.#store.put({ owner: SELF, bytes, mediaType }));
    await this.grant(sha256, readers);
    return sha256;
  }
}
