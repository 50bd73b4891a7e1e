/** Steps that lift stored data to the newest schema, by event type: element 0 turns schema version 1 into 2, and so on. Pure. */
export type Upcasters = Readonly<Record<string, readonly ((data: unknown) => unknown)[]>>;

/** One step: turns data of `type` in schema version `from` into `from + 1`. Pure; it never changes its argument. */
export interface Upcaster {
  readonly type: string;
  readonly from: number;
  lift(data: unknown): unknown;
}

/** Makes the chains out of single steps in any order. Throws where a version is missing in between or given twice. */
export function upcasterChain(steps: readonly Upcaster[]): Upcasters {
  const chains = new Map<string, ((data: unknown) => unknown)[]>();
  const ordered = [...steps].sort((a, b) => a.from - b.from);
  for (const { type, from, lift } of ordered) {
    const chain = chains.get(type) ?? [];
    if (from !== chain.length + 1)
      throw new Error(from <= chain.length ? `event type ${type} has two upcasters from schema version ${from}` : `event type ${type} has no upcaster from schema version ${chain.length + 1}, but one from ${from}`);
    chain.push((data) => lift(data));
    chains.set(type, chain);
  }
  return Object.fromEntries(chains);
}

/** Throws where a chain has a hole. */
export function checkUpcasters(upcasters: Upcasters): void {
  for (const [type, chain] of Object.entries(upcasters)) {
    // By index: a hole in an array is skipped by every method that walks it.
    for (let at = 0; at < chain.length; at += 1) if (typeof chain[at] !== 'function') throw new Error(`event type ${type} has no upcaster from schema version ${at + 1}`);
  }
}

/** Newest schema version of a type: 1 where nothing ever lifted it. */
export const schemaVersionOf = (upcasters: Upcasters, type: string): number => (Object.hasOwn(upcasters, type) ? (upcasters[type]?.length ?? 0) : 0) + 1;

/**
 * An event of a schema version that a newer program has written. Retriable: a program that knows it is about to replace this one,
 * and what waits for it must neither be parked nor given up in between.
 */
export class NewerEventError extends Error {
  readonly retriable = true;
  constructor(type: string, schemaVersion: number, known: number) {
    super(`event type ${type} has schema version ${schemaVersion}, newer than this program knows (${known})`);
    this.name = 'NewerEventError';
  }
}

/** Lifts data to the newest schema version. Throws `NewerEventError` for a version that this program does not know. */
export function upcast(upcasters: Upcasters, type: string, schemaVersion: number, data: unknown): unknown {
  const newest = schemaVersionOf(upcasters, type);
  if (schemaVersion > newest) throw new NewerEventError(type, schemaVersion, newest);
  if (schemaVersion === newest) return data;
  return (upcasters[type] ?? []).slice(schemaVersion - 1).reduce((value, step) => step(value), data);
}
