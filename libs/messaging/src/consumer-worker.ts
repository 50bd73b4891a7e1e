import { startConsumer } from './consumer.js';
import type { ConsumerOptions, RunningConsumer } from './consumer.types.js';
import { backoffMs, delay } from './embedded/delay.js';
import { isRetriable } from './failure.js';
import { mayResume } from './halts.js';

const BACKOFF_FIRST_MS = 250;
const BACKOFF_MAX_MS = 5_000;
/** How often a halted consumer looks whether an operator lets it try again. */
const RESUME_POLL_MS = 500;

/**
 * `startConsumer` as one of a service's workers (fits platform's `Worker`): a log or database that is away at the start is
 * waited for in the background; a consumer that crashed is a failure, which fails liveness. A halted one is not ready and says so
 * (`waitsFor`, `consumer_halted`), but lives: replacing its process would mend nothing and end all else that runs in it. It starts
 * again when an operator asks for it (`resumeConsumer`), in whatever process that happens.
 */
export class ConsumerWorker {
  readonly name: string;
  readonly #options: ConsumerOptions;
  readonly #end = new AbortController();
  #starting: Promise<void> | undefined;
  #resuming: Promise<void> | undefined;
  #consumer: RunningConsumer | undefined;
  #error: Error | undefined;

  constructor(options: ConsumerOptions) {
    this.name = `consumer-${options.group}`;
    this.#options = { ...options, onHalt: () => void (this.#resuming = this.#waitForResume()) };
  }

  /** Resolves after the first try; throws what no waiting can mend. */
  async start(): Promise<void> {
    try {
      this.#consumer = await startConsumer(this.#options);
    } catch (error) {
      if (!isRetriable(error)) throw error;
      this.#options.logger?.warn({ group: this.#options.group, err: error }, 'consumer cannot start yet');
      this.#starting = this.#keepTrying();
    }
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await this.#resuming;
    await this.#starting;
    await this.#consumer?.stop();
  }

  /** True once it has joined its group. */
  ready(): boolean {
    return this.#consumer?.alive() === true;
  }

  /** What keeps it from its work, for whoever asks for readiness; the reason of a halt is for operators alone (`listHalts`). */
  waitsFor(): string | undefined {
    return this.#consumer?.state() === 'halted' ? 'halted' : undefined;
  }

  failure(): Error | undefined {
    return this.#consumer?.state() === 'crashed' ? new Error(`${this.name} crashed`) : this.#error;
  }

  /** The consumer, once it runs: for `seek` and tests. */
  get consumer(): RunningConsumer | undefined {
    return this.#consumer;
  }

  async #waitForResume(): Promise<void> {
    for (;;) {
      await delay(RESUME_POLL_MS, this.#end.signal);
      if (this.#end.signal.aborted) return;
      if (await mayResume(this.#options.pool, this.#options.group).catch(() => false)) break;
    }
    await this.#consumer?.stop();
    this.#consumer = undefined;
    this.#options.logger?.info({ group: this.#options.group }, 'halted consumer starts again');
    await this.start().catch((error: unknown) => void (this.#error = error instanceof Error ? error : new Error(String(error))));
  }

  async #keepTrying(): Promise<void> {
    for (let attempt = 1; this.#consumer === undefined; attempt++) {
      await delay(backoffMs(attempt, BACKOFF_FIRST_MS, BACKOFF_MAX_MS), this.#end.signal);
      if (this.#end.signal.aborted) return;
      try {
        this.#consumer = await startConsumer(this.#options);
      } catch (error) {
        if (isRetriable(error)) continue;
        this.#error = error instanceof Error ? error : new Error(String(error));
        return;
      }
    }
  }
}
