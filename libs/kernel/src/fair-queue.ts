/** How a fair queue is bounded and shared. */
export interface FairQueueOptions {
  /** Most that may wait, as the sum of the items' costs. */
  readonly max: number;
  /** Turns that a tenant gets in each round; default 1. Whole numbers from 1 on. */
  readonly weightOf?: (tenant: string) => number;
}

/** What became of an offered item; `dropped` are the items of others that had to go for it. */
export type Offered<T> = { readonly taken: true; readonly dropped: readonly T[] } | { readonly taken: false };

interface Entry<T> {
  readonly item: T;
  readonly cost: number;
}

interface Lane<T> {
  readonly weight: number;
  readonly entries: Entry<T>[];
  cost: number;
  /** Turns left in this round. */
  turns: number;
}

/**
 * A bounded queue shared by tenants: first in, first out for each, weighted round robin between them. Where it is full, room
 * is made at the cost of whoever has the most waiting, so a tenant with no more than its share (`max` × weight ÷ weights of
 * all who wait) is never refused and never loses an item.
 */
export class FairQueue<T> {
  readonly #max: number;
  readonly #weightOf: (tenant: string) => number;
  /** In the order of turns. A tenant without items has no lane, so there are never more lanes than items. */
  readonly #lanes = new Map<string, Lane<T>>();
  #cost = 0;
  #size = 0;

  constructor({ max, weightOf = () => 1 }: FairQueueOptions) {
    this.#max = max;
    this.#weightOf = weightOf;
  }

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  /** Sum of the costs of what waits; never above `max`. */
  get cost(): number {
    return this.#cost;
  }

  /** How many tenants wait. */
  get tenants(): number {
    return this.#lanes.size;
  }

  /** Puts an item behind its tenant's others. `cost` (default 1) is what it takes of `max`. */
  offer(tenant: string, item: T, cost = 1): Offered<T> {
    const lane = this.#lanes.get(tenant) ?? this.#newLane(tenant);
    const excess = this.#cost + cost - this.#max;
    const level = (lane.cost + cost) / lane.weight;
    if (excess > 0 && this.#aboveLevel(level, tenant) < excess) return { taken: false };
    const dropped: T[] = [];
    while (this.#cost + cost > this.#max) dropped.push(this.#dropNewestOfLongest(tenant));
    lane.entries.push({ item, cost });
    lane.cost += cost;
    this.#cost += cost;
    this.#size += 1;
    this.#lanes.set(tenant, lane);
    return { taken: true, dropped };
  }

  /** The next item of the next tenant that is `eligible`. */
  take(eligible: (tenant: string) => boolean = () => true): { readonly tenant: string; readonly item: T } | undefined {
    for (const [tenant, lane] of this.#lanes) {
      if (!eligible(tenant)) continue;
      const entry = lane.entries.shift();
      if (entry === undefined) continue;
      this.#took(tenant, lane, entry);
      lane.turns -= 1;
      if (lane.turns === 0 && lane.entries.length > 0) {
        lane.turns = lane.weight;
        this.#lanes.delete(tenant);
        this.#lanes.set(tenant, lane);
      }
      return { tenant, item: entry.item };
    }
    return undefined;
  }

  /** Takes an item out of turn; false where it does not wait any more. */
  remove(tenant: string, item: T): boolean {
    const lane = this.#lanes.get(tenant);
    const at = lane?.entries.findIndex((entry) => entry.item === item) ?? -1;
    if (lane === undefined || at < 0) return false;
    const [entry] = lane.entries.splice(at, 1);
    this.#took(tenant, lane, entry!);
    return true;
  }

  #newLane(tenant: string): Lane<T> {
    const weight = Math.max(1, Math.trunc(this.#weightOf(tenant)));
    return { weight, entries: [], cost: 0, turns: weight };
  }

  #took(tenant: string, lane: Lane<T>, { cost }: Entry<T>): void {
    lane.cost -= cost;
    this.#cost -= cost;
    this.#size -= 1;
    if (lane.entries.length === 0) this.#lanes.delete(tenant);
  }

  /** What the others have waiting beyond what the newcomer would have, by weight. */
  #aboveLevel(level: number, newcomer: string): number {
    let sum = 0;
    for (const [tenant, { cost, weight }] of this.#lanes) if (tenant !== newcomer) sum += Math.max(0, cost - level * weight);
    return sum;
  }

  #dropNewestOfLongest(newcomer: string): T {
    let longest: readonly [string, Lane<T>] | undefined;
    for (const one of this.#lanes) if (one[0] !== newcomer && (longest === undefined || one[1].cost / one[1].weight > longest[1].cost / longest[1].weight)) longest = one;
    const [tenant, lane] = longest!;
    const entry = lane.entries.pop()!;
    this.#took(tenant, lane, entry);
    return entry.item;
  }
}
