import { backoffMs } from './delay.js';
import type { ReportError } from './partition-loop.js';

const RETRY_FIRST_MS = 100;

/** Runs a task every so often and on demand, never twice at a time; a demand during a run is followed by another run. */
export class Repeater {
  readonly #task: () => Promise<void>;
  readonly #everyMs: number;
  readonly #report: ReportError;
  #timer: NodeJS.Timeout | undefined;
  #current: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #retry: NodeJS.Timeout | undefined;
  #failures = 0;
  #stopped = false;

  constructor(task: () => Promise<void>, everyMs: number, report: ReportError) {
    this.#task = task;
    this.#everyMs = everyMs;
    this.#report = report;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.nudge(), this.#everyMs);
  }

  /** `now`, with failures only reported, and repeated sooner than the next turn: what it was wanted for is still to be done. */
  nudge(): void {
    this.now().then(
      () => void (this.#failures = 0),
      (error: unknown) => {
        this.#report(error, 'repeat');
        this.#again();
      },
    );
  }

  /** Resolves after a run that began now or later; rejects when that run fails. */
  now(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    if (this.#next !== undefined) return this.#next;
    if (this.#current === undefined) return this.#run();
    const queued = () => {
      this.#next = undefined;
      return this.#stopped ? Promise.resolve() : this.#run();
    };
    this.#next = this.#current.then(queued, queued);
    return this.#next;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    clearTimeout(this.#retry);
    await this.#next?.catch(() => undefined);
    await this.#current?.catch(() => undefined);
  }

  #again(): void {
    if (this.#stopped || this.#retry !== undefined) return;
    this.#failures += 1;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.nudge();
    }, backoffMs(this.#failures, RETRY_FIRST_MS, this.#everyMs));
  }

  #run(): Promise<void> {
    this.#current = this.#task().finally(() => (this.#current = undefined));
    return this.#current;
  }
}
