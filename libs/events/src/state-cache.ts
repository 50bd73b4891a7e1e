/** A folded stream: the state after `version`. */
export interface CachedState {
  owner: object;
  version: number;
  state: unknown;
  /** Database clock when the state was the present one. */
  atMs: number;
  /** Commands that look first, because somebody else writes to the stream, too. */
  wary: number;
}

const WARY = 16;

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

  /** The same where it may be decided on without a look at the stream. */
  trusted(owner: object, streamId: string): CachedState | undefined {
    const found = this.get(owner, streamId);
    if (found === undefined || found.wary === 0) return found;
    found.wary -= 1;
    return undefined;
  }

  /** Somebody else has written to the stream. */
  distrust(streamId: string): void {
    const found = this.#byStream.get(streamId);
    if (found) found.wary = WARY;
  }

  /** Keeps the state unless a newer one is known. */
  set(owner: object, streamId: string, version: number, state: unknown, atMs: number): void {
    const known = this.#byStream.get(streamId);
    if (known?.owner === owner && known.version > version) return;
    this.#byStream.delete(streamId);
    this.#byStream.set(streamId, { owner, version, state, atMs, wary: known?.wary ?? 0 });
    if (this.#byStream.size <= this.#max) return;
    const oldest = this.#byStream.keys().next().value;
    if (oldest !== undefined) this.#byStream.delete(oldest);
  }
}
