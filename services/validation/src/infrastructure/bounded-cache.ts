/** Keeps the values used last; several who want the same one at once share the work, and a failure is not kept. */
export class BoundedCache<V> {
  readonly #max: number;
  readonly #entries = new Map<string, Promise<V>>();

  constructor(max: number) {
    this.#max = max;
  }

  get(key: string, make: () => Promise<V>): Promise<V> {
    const known = this.#entries.get(key);
    this.#entries.delete(key);
    const entry = known ?? make();
    this.#entries.set(key, entry);
    if (known === undefined) entry.catch(() => this.#entries.get(key) === entry && this.#entries.delete(key));
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#max) break;
      this.#entries.delete(oldest);
    }
    return entry;
  }
}
