import type { Meter, ObservableResult } from '@opentelemetry/api';
import type { FollowerLog } from './chain-follower.js';
import type { Step } from './follow-chain.js';
import type { PayoutGuard } from './payout-guard.js';

export interface ReconcilerOptions {
  readonly chainId: number;
  readonly guard: PayoutGuard;
  readonly meter: Meter;
  readonly log: FollowerLog;
  /** Least time between two comparisons. */
  readonly everyMs: number;
  /** Most time between two: payouts rest on the last comparison only for a while. */
  readonly againMs: number;
}

/** Compares after final facts, not more often than is of use, and again and again where nothing happens. */
export class Reconciler {
  readonly name = 'reconciler';
  readonly #options: ReconcilerOptions;
  readonly #unobserve: () => void;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer rings, by this process's steady clock. */
  #ringsAtMs = 0;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#unobserve = measure(options);
  }

  /** Once at the start: what was found before the last stop counts on, what came in meanwhile is compared. */
  start(): void {
    this.#due();
  }

  /** Told of what the follower found. */
  see(step: Step): void {
    if (step.halted !== undefined) this.#then(() => this.#options.guard.halted(step));
    else if (step.settled === true) this.#due();
  }

  /** What it says beside being ready. */
  notice(): string | undefined {
    const { frozen, skipped } = this.#options.guard.seen;
    if (frozen) return `payouts are frozen: chain ${this.#options.chainId}`;
    return skipped && `chain ${this.#options.chainId} is not reconciled: ${skipped}`;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
    this.#unobserve();
  }

  #due(inMs = this.#options.everyMs): void {
    const ringsAtMs = performance.now() + inMs;
    if (this.#stopped || (this.#timer !== undefined && this.#ringsAtMs <= ringsAtMs)) return;
    clearTimeout(this.#timer);
    this.#ringsAtMs = ringsAtMs;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#then(() => this.#check());
    }, inMs);
    this.#timer.unref();
  }

  async #check(): Promise<void> {
    const result = await this.#options.guard.check();
    const { chainId, log, everyMs, againMs } = this.#options;
    this.#due(result.ok ? Math.max(everyMs, againMs) : everyMs);
    if (!result.ok) {
      log.warn({ chainId, rule: result.error.rule, reason: result.error.message }, 'totals could not be compared');
    } else if (result.value.differences.length > 0) log.error({ chainId, block: result.value.block.number, differences: result.value.differences }, 'read models and contracts differ: payouts are frozen');
  }

  #then(work: () => Promise<void>): void {
    const { chainId, log } = this.#options;
    this.#running = this.#running.then(work).catch((error: unknown) => {
      log.error({ chainId, err: error }, 'reconciliation failed, it is tried again');
      this.#due();
    });
  }
}

function measure({ meter, chainId, guard }: ReconcilerOptions): () => void {
  const frozen = meter.createObservableGauge('staking_payouts_frozen', { unit: '1', description: '1 while no payout may rest on the chain’s stakes' });
  const skipped = meter.createObservableGauge('staking_reconciliation_skipped', { unit: '1', description: '1 while totals cannot be compared, by reason' });
  const chain = { chain: String(chainId) };
  const observeFrozen = (result: ObservableResult): void => result.observe(guard.seen.frozen ? 1 : 0, chain);
  const observeSkipped = (result: ObservableResult): void => result.observe(guard.seen.skipped === undefined ? 0 : 1, { ...chain, reason: guard.seen.skipped ?? '' });
  frozen.addCallback(observeFrozen);
  skipped.addCallback(observeSkipped);
  return () => {
    frozen.removeCallback(observeFrozen);
    skipped.removeCallback(observeSkipped);
  };
}
