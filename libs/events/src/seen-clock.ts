/** What a sighting is worth: after this long the database is asked again. */
const FRESH_MS = 30_000;

/**
 * The database's clock as its answers tell it, carried on by the process's monotonic clock. It is behind by the time that an
 * answer took to arrive, and never ahead, unless the database's own clock was set; an append tells it that (see `clockMs`).
 */
export class SeenClock {
  #databaseMs = 0;
  #monotonicMs = -Infinity;

  /** An answer has just arrived that was given at `databaseMs`. */
  told(databaseMs: number): void {
    this.#databaseMs = databaseMs;
    this.#monotonicMs = performance.now();
  }

  /** Epoch milliseconds; undefined where nothing was heard lately. */
  nowMs(): number | undefined {
    const since = performance.now() - this.#monotonicMs;
    return since < FRESH_MS ? Math.floor(this.#databaseMs + since) : undefined;
  }

  /** It was wrong. */
  forget(): void {
    this.#monotonicMs = -Infinity;
  }
}
