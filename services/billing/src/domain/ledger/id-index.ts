const BUCKETS = 256;

function bucketOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index += 1) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  return (hash ^ (hash >>> 16)) & (BUCKETS - 1);
}

/**
 * An immutable map of ids. A ledger remembers every transfer id for ever; copying one plain map per event would cost the
 * whole history each time, so a write copies one bucket of 256 only.
 */
export class IdIndex<Value> {
  readonly #buckets: readonly (ReadonlyMap<string, Value> | undefined)[];
  readonly size: number;

  private constructor(buckets: readonly (ReadonlyMap<string, Value> | undefined)[], size: number) {
    this.#buckets = buckets;
    this.size = size;
  }

  static empty<Value>(): IdIndex<Value> {
    return new IdIndex<Value>([], 0);
  }

  get(key: string): Value | undefined {
    return this.#buckets[bucketOf(key)]?.get(key);
  }

  /** A copy with the entries put in; this index stays as it is. */
  withAll(entries: Iterable<readonly [string, Value]>): IdIndex<Value> {
    const buckets = [...this.#buckets];
    const copied = new Map<number, Map<string, Value>>();
    let size = this.size;
    for (const [key, value] of entries) {
      const at = bucketOf(key);
      let bucket = copied.get(at);
      if (!bucket) copied.set(at, (bucket = new Map(buckets[at])));
      if (!bucket.has(key)) size += 1;
      bucket.set(key, value);
      buckets[at] = bucket;
    }
    return new IdIndex(buckets, size);
  }
}
