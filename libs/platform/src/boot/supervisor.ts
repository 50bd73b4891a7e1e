import { ConfigError } from '../config.js';
import type { Logger } from '../logger.js';
import type { Worker } from '../service-definition.js';

function described(worker: Worker): string {
  const what = worker.waitsFor?.();
  return what === undefined ? worker.name : `${worker.name}: ${what}`;
}

/** How often a failed start is tried again, and for how long. Milliseconds. */
export interface RestartPolicy {
  readonly firstRetryMs: number;
  readonly retryMsMax: number;
  readonly giveUpMs: number;
}

const STANDARD: RestartPolicy = { firstRetryMs: 250, retryMsMax: 5_000, giveUpMs: 60_000 };

/**
 * Starts, watches and stops the workers of a service. A start that fails (the event log is not there yet) is tried again in
 * the background; a worker that could not be started for a minute, or that died later, fails liveness until the process is
 * replaced or the worker says that it lives again. One that lacks a setting is dead at once, and the service's start may fail for it.
 */
export class Supervisor {
  readonly #workers: readonly Worker[];
  readonly #logger: Logger;
  readonly #policy: RestartPolicy;
  readonly #started = new Set<Worker>();
  readonly #dead = new Map<string, Error>();
  readonly #retries = new Map<Worker, NodeJS.Timeout>();
  #stopping = false;

  constructor(workers: readonly Worker[], logger: Logger, policy: RestartPolicy = STANDARD) {
    this.#workers = workers;
    this.#logger = logger;
    this.#policy = policy;
  }

  /** Tries to start each once; what failed goes on in the background. The answer is what settings are missing, if any. */
  async start(): Promise<ConfigError | undefined> {
    const nowMs = performance.now();
    await Promise.all(this.#workers.map((worker) => this.#try(worker, nowMs + this.#policy.giveUpMs, this.#policy.firstRetryMs)));
    return [...this.#dead.values()].find((error) => error instanceof ConfigError);
  }

  /** Names of dead workers. */
  dead(): readonly string[] {
    for (const worker of this.#started) {
      const failure = worker.failure?.();
      if (failure !== undefined) this.#bury(worker, failure);
      else if (worker.failure !== undefined && this.#dead.delete(worker.name)) this.#logger.info({ worker: worker.name }, 'worker lives again');
    }
    return [...this.#dead.keys()];
  }

  /** Names of workers that cannot do their work: dead, not started yet, or not ready by their own word, with what they wait for. */
  waiting(): readonly string[] {
    const waiting = this.#workers.filter((worker) => !this.#started.has(worker) || worker.ready?.() === false).map(described);
    return [...new Set([...this.dead(), ...waiting])];
  }

  /** What holds workers back that do work. */
  notices(): readonly string[] {
    return [...this.#started].flatMap((worker) => worker.notice?.() ?? []);
  }

  /** Stops all; what fails to stop is logged, the others stop nevertheless. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const timer of this.#retries.values()) clearTimeout(timer);
    await Promise.all([...this.#started].map((worker) => this.#stopOne(worker)));
  }

  async #try(worker: Worker, giveUpAtMs: number, retryMs: number): Promise<void> {
    try {
      await worker.start();
      this.#started.add(worker);
      // Stopped while it was starting: nobody else would stop it any more.
      if (this.#stopping) await this.#stopOne(worker);
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      if (this.#stopping) return;
      if (thrown instanceof ConfigError || performance.now() >= giveUpAtMs) return this.#bury(worker, error);
      this.#logger.warn({ worker: worker.name, err: error, retry_ms: retryMs }, 'worker did not start, it is tried again');
      const again = (): void => void this.#try(worker, giveUpAtMs, Math.min(retryMs * 2, this.#policy.retryMsMax));
      this.#retries.set(worker, setTimeout(again, retryMs));
    }
  }

  async #stopOne(worker: Worker): Promise<void> {
    try {
      await worker.stop();
    } catch (error) {
      this.#logger.error({ worker: worker.name, err: error }, 'worker did not stop cleanly');
    }
  }

  #bury(worker: Worker, error: Error): void {
    if (this.#dead.has(worker.name)) return;
    this.#dead.set(worker.name, error);
    this.#logger.error({ worker: worker.name, err: error }, 'worker died');
  }
}
