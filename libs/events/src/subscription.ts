import type { ObservableResult } from '@opentelemetry/api';
import { failpoint, traceOfError, withTrace } from '@skein/telemetry';
import { PositionFeed } from './feed.js';
import { Lease, LeaseLostError } from './lease.js';
import { eventMetrics } from './metrics.js';
import { backoffMs, Pause } from './pause.js';
import { Polls, untilNextPoll } from './polls.js';
import type { EventStore } from './store.js';
import { inTransaction, reportToStderr } from './transaction.js';
import type { ReportError, Sink, Tx } from './types.js';

/** How a subscription runs. */
export interface SubscriptionOptions {
  store: EventStore;
  sink: Sink;
  /** Events per delivery; default 256. */
  batchSize?: number;
  /** Default 12 s; renewed at a third of it. A process that is gone (connection closed) is replaced sooner. */
  leaseMs?: number;
  /** Longest wait without a notification while nobody listens for them, four times that while somebody does; default 1 s. */
  pollMs?: number;
  /** A failure that is being retried for so long makes it not ready; default 60 s. */
  stuckMs?: number;
  /** Default: one JSON line on stderr. */
  onError?: ReportError;
}

/** What a subscription is doing, for health and operators. */
export interface SubscriptionStatus {
  /** False on a standby. */
  active: boolean;
  /** Checkpoint as far as this process knows. */
  position: bigint | undefined;
  /** Message of the failure that is being retried. */
  failing: string | undefined;
}

// Positions only move on and rows come with their checkpoint, so a crash of the server may cost the last moments, which are
// then delivered again; waiting for the disk would buy nothing.
const BEGIN = 'BEGIN; SET LOCAL synchronous_commit = off';

// Of a standby's looks at the lease one of these looks at everything else, too.
const LOOKS = 4;

// A service has 10 s to stop; a delivery that hangs in a call is repeated by whoever comes next.
const DRAIN_MS = 8_000;

/**
 * The engine behind projections, reactors and publications: delivers the log in order to one sink, from a checkpoint, by one
 * process at a time. Failures are retried without end, with back-off up to 5 s.
 */
export class Subscription {
  readonly name: string;
  readonly #store: EventStore;
  readonly #sink: Sink;
  readonly #batchSize: number;
  readonly #leaseMs: number;
  readonly #pollMs: number;
  readonly #stuckMs: number;
  readonly #onError: ReportError;
  readonly #lease: Lease;
  readonly #pause = new Pause();
  #stopping = false;
  #prepared = false;
  #ready = false;
  #failing: string | undefined;
  /** Of this process's clock. */
  #failingSinceMs: number | undefined;
  #knownHead = 0n;
  #loop: Promise<void> | undefined;
  #detach: (() => void)[] = [];

  constructor(options: SubscriptionOptions) {
    this.name = options.sink.name;
    this.#store = options.store;
    this.#sink = options.sink;
    this.#batchSize = options.batchSize ?? 256;
    this.#leaseMs = options.leaseMs ?? 12_000;
    this.#pollMs = options.pollMs ?? 1_000;
    this.#stuckMs = options.stuckMs ?? 60_000;
    this.#onError = options.onError ?? reportToStderr;
    this.#lease = new Lease(options.store.pool, this.name, this.#leaseMs);
  }

  /** Starts in the background: does not wait for the lease, a rebuild or the backlog. */
  async start(): Promise<void> {
    if (this.#loop) return;
    this.#stopping = false;
    const gauge = eventMetrics(this.#store.pool).lag[this.#sink.kind];
    const observe = (result: ObservableResult): void => {
      if (this.#lease.position !== undefined) result.observe(Number(this.#knownHead - this.#lease.position), { subscription: this.name });
    };
    gauge.addCallback(observe);
    const { retrying } = eventMetrics(this.#store.pool);
    const observeRetrying = (result: ObservableResult): void => result.observe(this.#retryingMs() / 1_000, { subscription: this.name });
    retrying.addCallback(observeRetrying);
    this.#detach = [
      PositionFeed.of(this.#store.pool).listen(() => this.#pause.wake()),
      this.#store.sequencer.hold(),
      () => gauge.removeCallback(observe),
      () => retrying.removeCallback(observeRetrying),
    ];
    this.#loop = this.#run();
  }

  /** Ends after the delivery under way, for which it waits up to 8 s, and gives the lease back. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#pause.wake();
    const patience = new Pause();
    if (this.#loop) await Promise.race([this.#loop.finally(() => patience.wake()), patience.wait(DRAIN_MS)]);
    this.#loop = undefined;
    for (const detach of this.#detach) detach();
    this.#detach = [];
  }

  /** What this process knows. */
  status(): SubscriptionStatus {
    return { active: this.#lease.position !== undefined, position: this.#lease.position, failing: this.#failing };
  }

  /**
   * False until what it delivers to is there (a projection's tables exist, made here or by the process that has the lease), and
   * while it has retried one failure for long: nothing after the refused event is delivered, and somebody has to see why.
   */
  ready(): boolean {
    return this.#ready && !this.#isStuck();
  }

  /** That it is stuck, without the failure's text, which is the log's and the operators'. */
  waitsFor(): string | undefined {
    return this.#isStuck() ? `has retried a failure for ${Math.floor(this.#retryingMs() / 1_000)} s` : undefined;
  }

  #retryingMs(): number {
    return this.#failingSinceMs === undefined ? 0 : performance.now() - this.#failingSinceMs;
  }

  #isStuck(): boolean {
    return this.#failingSinceMs !== undefined && this.#retryingMs() >= this.#stuckMs;
  }

  /** Exact number of committed events behind the checkpoint, those that still wait for their position included. */
  async lag(): Promise<bigint> {
    const { rows } = await this.#store.pool.query<{ lag: string }>(
      `SELECT es_head() + (SELECT coalesce(sum(events), 0) FROM es_unsequenced)
         - coalesce((SELECT position FROM es_subscription WHERE name = $1), 0) AS lag`,
      [this.name],
    );
    return BigInt(rows[0]?.lag ?? 0);
  }

  /**
   * Delivers everything committed before the call and returns its last position. On a subscription that runs here or elsewhere it waits for
   * that; otherwise it takes the lease itself and throws what the sink throws.
   */
  async catchUp(timeoutMs = 60_000): Promise<bigint> {
    const head = await this.#store.headPosition();
    if (!this.#loop && (await this.#take())) {
      try {
        do await this.#step();
        while ((this.#lease.position ?? head) < head);
      } finally {
        await this.#lease.release();
      }
      return head;
    }
    this.#pause.wake();
    if (!(await waitForPosition(this.#store.pool, this.name, head, timeoutMs))) throw new Error(`subscription ${this.name} did not reach ${head}: ${this.#failing ?? 'no failure here'}`);
    return head;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#stopping) {
      try {
        const more = await this.#turn();
        failures = 0;
        this.#failing = undefined;
        this.#failingSinceMs = undefined;
        if (!more) await (this.#lease.position === undefined ? this.#standBy() : this.#rest());
      } catch (error) {
        failures += 1;
        await this.#failed(error, failures);
      }
    }
    await this.#lease.release().catch(() => undefined);
  }

  /** Until there may be something to deliver. */
  async #rest(): Promise<void> {
    for (;;) {
      if (await this.#pause.wait(untilNextPoll(await this.#restMs()))) return;
      const position = this.#lease.position;
      if (this.#stopping || position === undefined || (await this.#lease.isOutdated()) || (await Polls.of(this.#store.pool).head()) > position) return;
    }
  }

  /** While somebody listens, the poll only makes up for a connection that is dead and does not know it yet. */
  async #restMs(): Promise<number> {
    const listening = await PositionFeed.of(this.#store.pool).session();
    return listening === undefined ? this.#pollMs : this.#pollMs * 4;
  }

  /** Until the lease may be had, or it is time to see again whether what its owner delivers to is of use here. */
  async #standBy(): Promise<void> {
    for (let look = 0; look < (this.#ready ? LOOKS : 1); look += 1) {
      await this.#pause.wait(untilNextPoll(this.#leaseMs / 8));
      if (this.#stopping || (await this.#lease.vacant())) return;
    }
  }

  /** True where there may be more to do at once. */
  async #turn(): Promise<boolean> {
    if ((this.#lease.position === undefined || (await this.#lease.isOutdated())) && !(await this.#take())) {
      // A rolling upgrade: until the tables are in this program's version, whatever that is to either side.
      this.#ready = (await this.#sink.usable?.()) ?? true;
      return false;
    }
    return this.#step();
  }

  /** Whoever had the lease in between may have been of another version: what was prepared counts no more. */
  async #take(): Promise<boolean> {
    this.#prepared = false;
    return this.#lease.acquire();
  }

  async #failed(error: unknown, failures: number): Promise<void> {
    if (error instanceof LeaseLostError) {
      this.#lease.lose();
      return;
    }
    this.#failing = error instanceof Error ? error.message : String(error);
    this.#failingSinceMs ??= performance.now();
    withTrace(traceOfError(error), () => this.#onError(error, `subscription ${this.name}`));
    // Another process may be able to do what this one cannot (a newer version of the projection).
    if (!this.#prepared) await this.#lease.release().catch(() => this.#lease.lose());
    const until = performance.now() + backoffMs(failures, 50, 5_000);
    while (!this.#stopping && performance.now() < until) await this.#pause.wait(until - performance.now());
  }

  async #step(): Promise<boolean> {
    if (!this.#prepared) {
      await this.#sink.prepare?.();
      this.#prepared = true;
      this.#ready = true;
      // Preparing may have moved the checkpoint (a rebuild).
      if (!(await this.#lease.acquire())) throw new LeaseLostError(this.name);
    }
    const from = this.#lease.position;
    if (from === undefined) return true;
    const { events, head } = await this.#store.readPage(from, this.#batchSize, this.#sink.types);
    this.#knownHead = head;
    if (events.length > 0) await this.#sink.deliver(events, (position, effect) => this.#advance(position, effect));
    const complete = events.length < this.#batchSize;
    // Events of other types, seen and passed over.
    if (complete && head > from && this.#lease.position !== undefined && head > this.#lease.position && this.#isDone(events.at(-1)?.position)) await this.#advance(head);
    return !complete;
  }

  /** True where the sink has advanced over all it was given. */
  #isDone(last: bigint | undefined): boolean {
    return last === undefined || (this.#lease.position !== undefined && this.#lease.position >= last);
  }

  async #advance(position: bigint, effect?: (tx: Tx) => Promise<void>): Promise<void> {
    if (this.#lease.position === undefined) throw new LeaseLostError(this.name);
    if (effect === undefined) return this.#lease.moveAlone(position);
    await inTransaction(
      this.#store.pool,
      async (tx) => {
        await this.#lease.move(tx, position);
        failpoint('projection.checkpoint');
        await effect(tx);
        failpoint('projection.rows');
      },
      BEGIN,
    );
    failpoint('projection.committed');
    this.#lease.moved(position);
  }
}

/** Waits until a subscription's checkpoint has reached a position (`min_position` of a query); false at the deadline. */
export async function waitForPosition(pool: EventStore['pool'], subscription: string, position: bigint, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  const pause = new Pause();
  for (;;) {
    const { rows } = await pool.query<{ position: string }>({ name: 'es-checkpoint', text: 'SELECT position FROM es_subscription WHERE name = $1', values: [subscription] });
    if (rows[0] && BigInt(rows[0].position) >= position) return true;
    if (performance.now() > deadline) return false;
    await pause.wait(10);
  }
}
