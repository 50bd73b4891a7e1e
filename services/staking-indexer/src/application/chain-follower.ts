import type { Meter, ObservableResult } from '@opentelemetry/api';
import type { ChainStatusBoard } from './chain-status.js';
import type { FollowChain, Step } from './follow-chain.js';

/** Receives what the follower could not do; it goes on with back-off. */
export interface FollowerLog {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface FollowerOptions {
  readonly chainId: number;
  readonly follow: FollowChain;
  readonly board: ChainStatusBoard;
  readonly meter: Meter;
  readonly log: FollowerLog;
  /** Wait between two looks when nothing is left to read. */
  readonly pollMs: number;
}

const BACKOFF_MS_MAX = 15_000;

/** Looks at the chain again and again. A chain that cannot be reached or believed is asked again; nothing is recorded meanwhile. */
export class ChainFollower {
  readonly name = 'chain-follower';
  readonly #options: FollowerOptions;
  readonly #stop = new AbortController();
  readonly #unobserve: () => void;
  #loop: Promise<void> | undefined;
  #looked = false;
  #last: Step | undefined;
  #failures = 0;

  constructor(options: FollowerOptions) {
    this.#options = options;
    const { meter } = options;
    const lag = meter.createObservableGauge('staking_chain_lag_blocks', { unit: '{block}', description: 'Safe blocks that have not been read' });
    const halted = meter.createObservableGauge('staking_chain_halted', { unit: '1', description: '1 while the chain’s answers cannot be right' });
    const observeLag = (result: ObservableResult): void => {
      if (this.#last !== undefined) result.observe(Math.max(0, this.#last.heads.safe.number - this.#last.indexed.number));
    };
    const observeHalted = (result: ObservableResult): void => {
      result.observe(this.#last?.halted === undefined ? 0 : 1, { rule: this.#last?.halted?.rule ?? '' });
    };
    lag.addCallback(observeLag);
    halted.addCallback(observeHalted);
    this.#unobserve = () => {
      lag.removeCallback(observeLag);
      halted.removeCallback(observeHalted);
    };
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** Once the chain was looked at: whether it can be followed is what `GetChainStatus` and the metrics say. */
  ready(): boolean {
    return this.#looked;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    this.#unobserve();
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const waitMs = await this.#look();
      if (waitMs > 0) await pause(waitMs, this.#stop.signal);
    }
  }

  /** Milliseconds until the next look. */
  async #look(): Promise<number> {
    const { chainId, follow, board, log, pollMs } = this.#options;
    try {
      const step = await follow.step();
      if (step.halted !== undefined && this.#last?.halted?.rule !== step.halted.rule)
        log.error({ chainId, rule: step.halted.rule, reason: step.halted.message }, 'the chain’s answers cannot be right: following stops until they are');
      if (step !== this.#last) await board.write(chainId, step);
      this.#last = step;
      this.#failures = 0;
      return step.behind ? 0 : pollMs;
    } catch (error) {
      this.#failures += 1;
      log.warn({ chainId, err: error, failures: this.#failures }, 'the chain could not be read; it is asked again');
      return Math.min(pollMs * 2 ** Math.min(this.#failures, 10), BACKOFF_MS_MAX);
    } finally {
      this.#looked = true;
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
