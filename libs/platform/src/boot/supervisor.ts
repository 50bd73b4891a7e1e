import type { Logger } from '../logger.js';
import type { Worker } from '../service-definition.js';

/** Starts, watches and stops the workers of a service. A worker that died fails liveness until the process is replaced. */
export class Supervisor {
  readonly #workers: readonly Worker[];
  readonly #logger: Logger;
  readonly #started = new Set<Worker>();
  readonly #dead = new Map<string, Error>();

  constructor(workers: readonly Worker[], logger: Logger) {
    this.#workers = workers;
    this.#logger = logger;
  }

  /** Starts all; one whose start fails is dead, the others go on. */
  async start(): Promise<void> {
    await Promise.all(
      this.#workers.map(async (worker) => {
        try {
          await worker.start();
          this.#started.add(worker);
        } catch (error) {
          this.#bury(worker, error instanceof Error ? error : new Error(String(error)));
        }
      }),
    );
  }

  /** Names of dead workers. */
  dead(): readonly string[] {
    for (const worker of this.#started) {
      const failure = worker.failure?.();
      if (failure !== undefined && !this.#dead.has(worker.name)) this.#bury(worker, failure);
    }
    return [...this.#dead.keys()];
  }

  /** Names of workers that cannot do their work yet. */
  waiting(): readonly string[] {
    return this.#workers.filter((worker) => !this.#started.has(worker) || worker.ready?.() === false).map(({ name }) => name);
  }

  /** Stops all; what fails to stop is logged, the others stop nevertheless. */
  async stop(): Promise<void> {
    await Promise.all(
      [...this.#started].map(async (worker) => {
        try {
          await worker.stop();
        } catch (error) {
          this.#logger.error({ worker: worker.name, err: error }, 'worker did not stop cleanly');
        }
      }),
    );
  }

  #bury(worker: Worker, error: Error): void {
    this.#dead.set(worker.name, error);
    this.#logger.error({ worker: worker.name, err: error }, 'worker died');
  }
}
