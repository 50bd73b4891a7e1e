import { FairQueue } from './fair-queue.js';
import { RejectionError } from './result.js';

/** How many a gate lets in, and how many may wait before it. */
export interface FairGateOptions {
  /** What is behind the gate, for the sentence of a refusal: `arena`, `the runners`. */
  readonly name: string;
  /** Rule of a refusal; default `overloaded`. */
  readonly rule?: string;
  readonly runningMax: number;
  /** Most of them for one tenant, so that slow work of one leaves room for others; default `runningMax`. */
  readonly tenantRunningMax?: number;
  /** Most that may wait, as the sum of their costs; 0 for a gate without a queue. */
  readonly queuedMax: number;
  /** Turns of a tenant in each round; default 1. */
  readonly weightOf?: (tenant: string) => number;
  /** Milliseconds for measuring how fast the queue drains; only differences count. */
  readonly nowMs: () => number;
}

/** Who wants in. */
export interface Visitor {
  readonly tenant: string;
  /** Ends the waiting: the visit is given up with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** What it takes of the queue while it waits; default 1. */
  readonly cost?: number;
}

interface Waiting {
  readonly enter: () => void;
  readonly refuse: () => void;
}

const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 30_000;
/** Assumed time between two places getting free before any has been measured. */
const INTERVAL_MS = 10;
/** Weight of the newest interval in the mean. */
const NEWEST = 0.1;

/**
 * Lets a bounded number in at once and a bounded number wait, in fair turns between tenants. Whoever finds no room is refused
 * at once with `resource-exhausted` and the time after which the queue, as fast as it drains now, will have been worked off.
 * Work-conserving: no place is free while someone waits who may take it.
 */
export class FairGate {
  readonly #options: FairGateOptions;
  readonly #queue: FairQueue<Waiting>;
  readonly #byTenant = new Map<string, number>();
  #running = 0;
  #intervalMs = INTERVAL_MS;
  /** When a place last got free, while all were taken. */
  #freedAtMs: number | undefined;

  constructor(options: FairGateOptions) {
    this.#options = options;
    this.#queue = new FairQueue({ max: options.queuedMax, ...(options.weightOf === undefined ? {} : { weightOf: options.weightOf }) });
  }

  /** How many are in. */
  get running(): number {
    return this.#running;
  }

  /** How many wait. */
  get queued(): number {
    return this.#queue.size;
  }

  /** Waits for a turn; the returned function gives the place back (again: without effect). */
  async enter(visitor: Visitor): Promise<() => void> {
    visitor.signal?.throwIfAborted();
    if (!this.#hasRoom(visitor.tenant)) await this.#wait(visitor);
    else this.#count(visitor.tenant);
    let inside = true;
    return () => {
      if (inside) this.#leave(visitor.tenant);
      inside = false;
    };
  }

  /** Runs `work` inside. */
  async run<T>(visitor: Visitor, work: () => Promise<T>): Promise<T> {
    const leave = await this.enter(visitor);
    try {
      return await work();
    } finally {
      leave();
    }
  }

  /** How long until what waits now, and one more, will have had its turn. */
  retryAfterMs(): number {
    // While nothing ends, the last interval says too little: the pause so far counts at least.
    const intervalMs = this.#freedAtMs === undefined ? this.#intervalMs : Math.max(this.#intervalMs, this.#options.nowMs() - this.#freedAtMs);
    return Math.min(RETRY_MS_MAX, Math.max(RETRY_MS_MIN, Math.ceil(intervalMs * (this.#queue.size + 1))));
  }

  #hasRoom(tenant: string): boolean {
    const { runningMax, tenantRunningMax = runningMax } = this.#options;
    return this.#running < runningMax && (this.#byTenant.get(tenant) ?? 0) < tenantRunningMax;
  }

  #count(tenant: string): void {
    this.#running += 1;
    this.#byTenant.set(tenant, (this.#byTenant.get(tenant) ?? 0) + 1);
  }

  #wait({ tenant, signal, cost }: Visitor): Promise<void> {
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        // The reason is an error of the caller's choosing (a deadline, a caller that went away).
        if (this.#queue.remove(tenant, waiting)) reject(signal?.reason as Error);
      };
      const settle = (end: () => void) => (): void => {
        signal?.removeEventListener('abort', giveUp);
        end();
      };
      const waiting: Waiting = { enter: settle(resolve), refuse: settle(() => reject(this.#refusal())) };
      const offered = this.#queue.offer(tenant, waiting, cost);
      if (!offered.taken) return reject(this.#refusal());
      signal?.addEventListener('abort', giveUp, { once: true });
      for (const dropped of offered.dropped) dropped.refuse();
    });
  }

  #leave(tenant: string): void {
    this.#measure();
    this.#running -= 1;
    const left = (this.#byTenant.get(tenant) ?? 1) - 1;
    if (left === 0) this.#byTenant.delete(tenant);
    else this.#byTenant.set(tenant, left);
    while (this.#running < this.#options.runningMax) {
      const next = this.#queue.take((one) => this.#hasRoom(one));
      if (next === undefined) break;
      // Counted here, not when the waiter goes on: nobody may slip in between.
      this.#count(next.tenant);
      next.item.enter();
    }
  }

  /** Only intervals with somebody waiting say how fast the queue drains. */
  #measure(): void {
    if (this.#queue.size === 0) {
      this.#freedAtMs = undefined;
      return;
    }
    const nowMs = this.#options.nowMs();
    if (this.#freedAtMs !== undefined) this.#intervalMs += NEWEST * (nowMs - this.#freedAtMs - this.#intervalMs);
    this.#freedAtMs = nowMs;
  }

  #refusal(): RejectionError {
    const { name, rule = 'overloaded' } = this.#options;
    return new RejectionError({ code: 'resource-exhausted', rule, message: `${name} has more to do than it can take on: try again later`, retriable: true, retryAfterMs: this.retryAfterMs() });
  }
}
