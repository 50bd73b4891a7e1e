import type { Clock } from '@skein/kernel';

const FIRST_MS = 1_000;
const MAX_MS = 300_000;

/** When something that has failed is worth another try: twice as long after each failure, at most five minutes. */
export class BackOff {
  readonly #clock: Clock;
  readonly #waits = new Map<string, { readonly ms: number; readonly dueAtMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  isDue(id: string): boolean {
    return this.#clock.nowMs() >= (this.#waits.get(id)?.dueAtMs ?? 0);
  }

  failed(id: string): void {
    const ms = Math.min((this.#waits.get(id)?.ms ?? FIRST_MS / 2) * 2, MAX_MS);
    this.#waits.set(id, { ms, dueAtMs: this.#clock.nowMs() + ms });
  }

  passed(id: string): void {
    this.#waits.delete(id);
  }
}
