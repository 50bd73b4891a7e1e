import type { Meter } from '@opentelemetry/api';
import { measureChain } from './chain-metrics.js';
import { ChainTrouble } from './chain-source.js';
import type { ChainStatusBoard, Halt } from './chain-status.js';
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
  /** Told of each look that changed what is known. */
  readonly onStep?: (step: Step) => void;
}

const BACKOFF_MS_MAX = 15_000;
/** Looks in a row without an answer that make the service say it is not ready: one dropped connection is none of it. */
const FAILURES_READY = 3;

/** Looks at the chain again and again. A chain that cannot be reached or believed is asked again; nothing is recorded meanwhile. */
export class ChainFollower {
  readonly name = 'chain-follower';
  readonly #options: FollowerOptions;
  readonly #stop = new AbortController();
  readonly #unobserve: () => void;
  #loop: Promise<void> | undefined;
  #looked = false;
  #last: Step | undefined;
  #halt: Halt | undefined;
  #failures = 0;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#unobserve = measureChain(options.meter, options.chainId, () => ({ last: this.#last, halt: this.#halt }));
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** Once the chain was looked at, and as long as it can be believed. */
  ready(): boolean {
    return this.#looked && (this.#halt === undefined || (this.#failures > 0 && this.#failures < FAILURES_READY));
  }

  waitsFor(): string | undefined {
    const { chainId } = this.#options;
    return this.#halt && `chain ${chainId} halted: ${this.#halt.rule}${this.#halt.lasting ? ', until an operator resumes it' : ''}`;
  }

  /** It goes on without: what is pending is shown, nothing becomes final. */
  notice(): string | undefined {
    const { reached = 0, wanted = 0 } = this.#last?.heads.agreement ?? {};
    return reached < wanted ? `chain ${this.#options.chainId}: ${reached} of ${wanted} endpoints in reach, nothing becomes final` : undefined;
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
    const { pollMs } = this.#options;
    try {
      const step = await this.#options.follow.step();
      await this.#took(step);
      this.#failures = 0;
      return step.behind ? 0 : pollMs;
    } catch (error) {
      this.#failures += 1;
      await this.#failed(error);
      const wishMs = error instanceof ChainTrouble ? (error.retryAfterMs ?? 0) : 0;
      return Math.max(wishMs, Math.min(pollMs * 2 ** Math.min(this.#failures, 10), BACKOFF_MS_MAX));
    } finally {
      this.#looked = true;
    }
  }

  async #took(step: Step): Promise<void> {
    const { chainId, board, log, onStep } = this.#options;
    const { halted, lasting = false } = step;
    if (halted !== undefined && this.#halt?.rule !== halted.rule)
      log.error({ chainId, rule: halted.rule, reason: halted.message, lasting }, 'the chain’s answers cannot be right: following stops until they are');
    if (step !== this.#last || this.#halt !== undefined) await board.write(chainId, step);
    this.#halt = halted && { rule: halted.rule, reason: halted.message, lasting };
    if (step !== this.#last) onStep?.(step);
    this.#last = step;
  }

  /** The same outage is written down once, not at every look. */
  async #failed(error: unknown): Promise<void> {
    const { chainId, board, log } = this.#options;
    if (!(error instanceof ChainTrouble)) return log.warn({ chainId, err: error, failures: this.#failures }, 'the chain could not be read; it is asked again');
    log.warn({ chainId, rule: error.rule, reason: error.message, failures: this.#failures }, 'the chain gave no usable answer; it is asked again');
    const same = this.#halt?.rule === error.rule && this.#halt.reason === error.message;
    this.#halt = { rule: error.rule, reason: error.message, lasting: false };
    if (!same) await board.halt(chainId, this.#halt).catch((failure: unknown) => log.warn({ chainId, err: failure }, 'the halt could not be written down'));
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
