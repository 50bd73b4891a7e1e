import { failpoint } from '@skein/telemetry';
import type { Pool } from 'pg';
import type { ReportError } from './types.js';

const BATCH = 1_000;
const POLL_MS = 5_000;
// Under load one pass numbers what many appends have left; a pass for each of them would cost them half of their rate.
const PACE_MS = 4;

/**
 * Numbers committed events. Every process has one and wakes it after its own commits: the first wake after a silence is
 * answered at once, further ones together with those of the next few milliseconds. The slow poll finds what a process that
 * died after its commit has left.
 */
export class Sequencer {
  readonly #pool: Pool;
  readonly #onError: ReportError;
  #pass: Promise<void> | undefined;
  #again = false;
  #startedMs = -Infinity;
  #paced: NodeJS.Timeout | undefined;
  #holders = 0;
  #poll: NodeJS.Timeout | undefined;

  constructor(pool: Pool, onError: ReportError) {
    this.#pool = pool;
    this.#onError = onError;
  }

  /** Sees to it that everything committed so far gets its position within a few milliseconds. */
  wake(): void {
    if (this.#pass) {
      this.#again = true;
      return;
    }
    if (this.#paced) return;
    const waitMs = this.#startedMs + PACE_MS - performance.now();
    if (waitMs <= 0) this.#begin();
    else this.#paced = setTimeout(() => this.#begin(), waitMs);
  }

  #begin(): void {
    this.settle().catch((error: unknown) => {
      if (!this.#pool.ended) this.#onError(error, 'sequencer');
    });
  }

  /** Resolves when everything committed before the call has its position. */
  async settle(): Promise<void> {
    // A pass under way may have looked before the caller's commit: its end is not enough.
    const before = this.#pass;
    if (before === undefined) return this.#start();
    await before.catch(() => undefined);
    // Of several who waited here one starts the next pass, and it begins after all their commits.
    return this.#pass ?? this.#start();
  }

  #start(): Promise<void> {
    clearTimeout(this.#paced);
    this.#paced = undefined;
    this.#again = false;
    this.#startedMs = performance.now();
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

  /** Numbers what waits for its turn and waits for the pass under way. */
  async idle(): Promise<void> {
    while (this.#pass || this.#paced) {
      if (this.#paced) this.#begin();
      await this.#pass?.catch(() => undefined);
    }
  }
}
