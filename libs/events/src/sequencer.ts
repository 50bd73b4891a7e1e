import { failpoint } from '@skein/telemetry';
import type { Pool } from 'pg';
import type { ReportError } from './types.js';

const BATCH = 1_000;
const POLL_MS = 1_000;

/**
 * Numbers committed events. Every process has one and wakes it after its own commits; wakes that come while it works are
 * answered by one more pass. The slow poll finds what a process that died after its commit has left.
 */
export class Sequencer {
  readonly #pool: Pool;
  readonly #onError: ReportError;
  #pass: Promise<void> | undefined;
  #again = false;
  #holders = 0;
  #poll: NodeJS.Timeout | undefined;

  constructor(pool: Pool, onError: ReportError) {
    this.#pool = pool;
    this.#onError = onError;
  }

  /** Sees to it that everything committed so far gets its position soon. */
  wake(): void {
    this.settle().catch((error: unknown) => {
      if (!this.#pool.ended) this.#onError(error, 'sequencer');
    });
  }

  /** Resolves when everything committed before the call has its position. */
  settle(): Promise<void> {
    if (!this.#pass) return this.#start();
    // The pass under way may have looked before the caller's commit: one more is needed.
    this.#again = true;
    return this.#pass.then(() => this.#pass);
  }

  #start(): Promise<void> {
    this.#again = false;
    const pass = this.#sequenceAll().finally(() => {
      this.#pass = undefined;
      if (this.#again) this.wake();
    });
    this.#pass = pass;
    return pass;
  }

  async #sequenceAll(): Promise<void> {
    for (;;) {
      const result = await this.#pool.query<{ count: number }>({ name: 'es-sequence', text: 'SELECT es_sequence($1) AS count', values: [BATCH] });
      const count = result.rows[0]?.count ?? 0;
      if (count > 0) failpoint('append.sequenced');
      if (count < BATCH) return;
    }
  }

  /** Keeps the slow poll going until the returned function is called. */
  hold(): () => void {
    this.#holders += 1;
    this.#poll ??= setInterval(() => this.wake(), POLL_MS);
    this.wake();
    let held = true;
    return () => {
      if (held) this.#holders -= 1;
      held = false;
      if (this.#holders > 0) return;
      clearInterval(this.#poll);
      this.#poll = undefined;
    };
  }

  /** Waits for the pass under way. */
  async idle(): Promise<void> {
    while (this.#pass) await this.#pass.catch(() => undefined);
  }
}
