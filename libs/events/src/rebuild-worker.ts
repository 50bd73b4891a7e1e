import type { ObservableResult } from '@opentelemetry/api';
import { PositionFeed } from './feed.js';
import { eventMetrics } from './metrics.js';
import { backoffMs, Pause } from './pause.js';
import { readRebuild } from './rebuild-record.js';
import { liveOf, rebuildProjection } from './rebuild.js';
import type { EventStore } from './store.js';
import { reportToStderr } from './transaction.js';
import type { Projection, ReportError } from './types.js';

/** What a worker looks after. */
export interface RebuildWorkerOptions {
  store: EventStore;
  projections: readonly Projection[];
  /** Longest wait without a notification; default 30 s. */
  pollMs?: number;
  onError?: ReportError;
}

/**
 * Carries out the rebuilds that are due: those that were asked for, those that a killed process has left half done, and those
 * of projections that are live in an older version, while the older program still serves them. One after the other; any number
 * of processes.
 */
export class RebuildWorker {
  readonly name = 'rebuilds';
  readonly #store: EventStore;
  readonly #projections: readonly Projection[];
  readonly #pollMs: number;
  readonly #onError: ReportError;
  readonly #pause = new Pause();
  #stopping = false;
  #loop: Promise<void> | undefined;
  #detach: (() => void)[] = [];
  readonly #lag = new Map<string, number>();

  constructor(options: RebuildWorkerOptions) {
    this.#store = options.store;
    this.#projections = options.projections;
    this.#pollMs = options.pollMs ?? 30_000;
    this.#onError = options.onError ?? reportToStderr;
  }

  /** Starts in the background. */
  async start(): Promise<void> {
    if (this.#loop) return;
    this.#stopping = false;
    const gauge = eventMetrics(this.#store.pool).rebuildLag;
    const observe = async (result: ObservableResult): Promise<void> => {
      for (const projection of this.#lag.keys()) result.observe(Number((await readRebuild(this.#store.pool, projection))?.lag ?? 0n), { projection });
    };
    gauge.addCallback(observe);
    this.#detach = [PositionFeed.of(this.#store.pool).listen((payload) => ['rebuild', ''].includes(payload) && this.#pause.wake()), () => gauge.removeCallback(observe)];
    this.#loop = this.#run();
  }

  /** A build under way is left to whoever comes next: it goes on there. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#pause.wake();
    for (const detach of this.#detach) detach();
    const loop = this.#loop;
    this.#loop = undefined;
    const patience = new Pause();
    await Promise.race([loop?.finally(() => patience.wake()), patience.wait(1_000)]);
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#stopping) {
      const failed = await this.#pass();
      failures = failed ? failures + 1 : 0;
      if (!this.#stopping) await this.#pause.wait(failed ? backoffMs(failures, 500, this.#pollMs) : this.#pollMs);
    }
  }

  /** True where something has to be tried again. */
  async #pass(): Promise<boolean> {
    let failed = false;
    for (const projection of this.#projections) {
      try {
        if (!this.#stopping && !(await this.#look(projection))) failed = true;
      } catch (error) {
        failed = true;
        if (!this.#stopping) this.#onError(error, `rebuild of ${projection.name}`);
      } finally {
        this.#lag.delete(projection.name);
      }
    }
    return failed;
  }

  /** False where it has to be looked at again soon. */
  async #look(projection: Projection): Promise<boolean> {
    const live = await liveOf(this.#store.pool, projection.name);
    const record = await readRebuild(this.#store.pool, projection.name);
    // Before its first start there is nothing to build beside; a newer program's tables are none of this one's business.
    if (!live?.version) return record?.state !== 'asked';
    if (live.version > projection.version) return true;
    const open = record !== undefined && record.state !== 'done' && (record.version ?? 0) <= projection.version;
    if (live.version === projection.version && !open) return true;
    this.#lag.set(projection.name, 0);
    await rebuildProjection(this.#store, projection, { resume: record?.state !== 'asked' });
    return true;
  }
}
