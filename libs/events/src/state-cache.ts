/** A folded stream: the state after `version`. */
export interface CachedState {
  owner: object;
  version: number;
  state: unknown;
}

/** Least recently used states, by stream. A state belongs to the decider that folded it and is never changed in place. */
export class StateCache {
  readonly #max: number;
  readonly #byStream = new Map<string, CachedState>();

  constructor(max: number) {
    this.#max = max;
  }

  get(owner: object, streamId: string): CachedState | undefined {
    const found = this.#byStream.get(streamId);
    if (found?.owner !== owner) return undefined;
    this.#byStream.delete(streamId);
    this.#byStream.set(streamId, found);
    return found;
  }

  /** Keeps the state unless a newer one is known. */
  set(owner: object, streamId: string, version: number, state: unknown): void {
    const known = this.#byStream.get(streamId);
    if (known?.owner === owner && known.version > version) return;
    this.#byStream.delete(streamId);
    this.#byStream.set(streamId, { owner, version, state });
    if (this.#byStream.size <= this.#max) return;
    const oldest = this.#byStream.keys().next().value;
    if (oldest !== undefined) this.#byStream.delete(oldest);
  }
}
