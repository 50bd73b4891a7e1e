import type { ReportError } from './partition-loop.js';

/** Runs a task every so often and on demand, never twice at a time; a demand during a run is followed by another run. */
export class Repeater {
  readonly #task: () => Promise<void>;
  readonly #everyMs: number;
  readonly #report: ReportError;
  #timer: NodeJS.Timeout | undefined;
  #current: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #stopped = false;

  constructor(task: () => Promise<void>, everyMs: number, report: ReportError) {
    this.#task = task;
    this.#everyMs = everyMs;
    this.#report = report;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.nudge(), this.#everyMs);
  }

  /** `now`, with failures only reported. */
  nudge(): void {
    this.now().catch((error: unknown) => this.#report(error, 'repeat'));
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
    await this.#next?.catch(() => undefined);
    await this.#current?.catch(() => undefined);
  }

  #run(): Promise<void> {
    this.#current = this.#task().finally(() => (this.#current = undefined));
    return this.#current;
  }
}
