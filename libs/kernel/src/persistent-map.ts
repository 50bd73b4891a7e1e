const BITS = 5;
const WIDTH = 1 << BITS;
const LEAF_MAX = 16;
/** Levels that a hash of 32 bits can tell apart. */
const DEPTH_MAX = Math.floor(32 / BITS);

type Leaf<V> = ReadonlyMap<string, V>;
type Node<V> = Leaf<V> | readonly (Node<V> | undefined)[];

/** FNV-1a with its high bits folded in. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at += 1) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}

const isLeaf = <V>(node: Node<V>): node is Leaf<V> => node instanceof Map;
const placeOf = (hash: number, depth: number): number => (hash >>> (depth * BITS)) & (WIDTH - 1);

function put<V>(node: Node<V> | undefined, key: string, value: V, hash: number, depth: number): Node<V> {
  if (node === undefined) return new Map([[key, value]]);
  if (!isLeaf(node)) {
    const place = placeOf(hash, depth);
    return node.with(place, put(node[place], key, value, hash, depth + 1));
  }
  const leaf = new Map(node).set(key, value);
  if (leaf.size <= LEAF_MAX || depth >= DEPTH_MAX) return leaf;
  let split: Node<V> = Array.from<Node<V> | undefined>({ length: WIDTH });
  for (const [kept, own] of leaf) split = put(split, kept, own, hashOf(kept), depth);
  return split;
}

function* entriesOf<V>(node: Node<V> | undefined): Generator<[string, V]> {
  if (node === undefined) return;
  if (isLeaf(node)) yield* node;
  else for (const child of node) yield* entriesOf(child);
}

/**
 * An immutable map of texts for states that keep something of every event: a write copies a few dozen entries, however many
 * there are, and leaves all older versions as they were. Entries come in no order.
 */
export class PersistentMap<V> {
  readonly #root: Node<V> | undefined;
  readonly size: number;

  private constructor(root: Node<V> | undefined, size: number) {
    this.#root = root;
    this.size = size;
  }

  static empty<V>(): PersistentMap<V> {
    return new PersistentMap<V>(undefined, 0);
  }

  get(key: string): V | undefined {
    const hash = hashOf(key);
    let node = this.#root;
    for (let depth = 0; node !== undefined && !isLeaf(node); depth += 1) node = node[placeOf(hash, depth)];
    return node?.get(key);
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  /** A map with this entry, too, or instead of the key's former one. `undefined` is no value. */
  with(key: string, value: V & ({} | null)): PersistentMap<V> {
    return new PersistentMap(put(this.#root, key, value, hashOf(key), 0), this.size + (this.has(key) ? 0 : 1));
  }

  entries(): IterableIterator<[string, V]> {
    return entriesOf(this.#root);
  }
}
