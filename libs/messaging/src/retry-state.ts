import { backoffMs } from './embedded/delay.js';
import type { ConsumerTiming } from './consumer.types.js';

/** What `ConsumerTiming` says of its defaults. */
export const STANDARD_TIMING: ConsumerTiming = { retryDelayMs: 100, backoffFirstMs: 250, backoffMaxMs: 15_000, alertAfterMs: 60_000 };

interface Entry {
  readonly topic: string;
  readonly partition: number;
  readonly sinceMs: number;
  attempts: number;
  alerted: boolean;
  timer: NodeJS.Timeout | undefined;
}

/** Partitions that repeat a retriable failure: how often, since when, and the timer that resumes each. */
export class RetryState {
  readonly #entries = new Map<string, Entry>();
  readonly #timing: ConsumerTiming;
  constructor(timing: ConsumerTiming) {
    this.#timing = timing;
  }

  /** Tries already made of the message at hand. */
  attempts(topic: string, partition: number): number {
    return this.#entries.get(`${topic}/${partition}`)?.attempts ?? 0;
  }

  /**
   * Notes a failure and arranges `resume`; `alert` is true once per episode, when it has lasted too long, and `stalledSeconds` how
   * long it has lasted, from then on.
   */
  failed(topic: string, partition: number, resume: () => void): { waitMs: number; alert: boolean; stalledSeconds: number | undefined } {
    const name = `${topic}/${partition}`;
    const entry = this.#entries.get(name) ?? { topic, partition, sinceMs: performance.now(), attempts: 0, alerted: false, timer: undefined };
    this.#entries.set(name, entry);
    entry.attempts += 1;
    const waitMs = backoffMs(entry.attempts, this.#timing.backoffFirstMs, this.#timing.backoffMaxMs);
    clearTimeout(entry.timer);
    entry.timer = setTimeout(resume, waitMs);
    const lastedMs = performance.now() - entry.sinceMs;
    const alert = !entry.alerted && lastedMs >= this.#timing.alertAfterMs;
    if (alert) entry.alerted = true;
    return { waitMs, alert, stalledSeconds: entry.alerted ? lastedMs / 1000 : undefined };
  }

  /** The partition goes on; true where its episode had raised the alert. */
  succeeded(topic: string, partition: number): boolean {
    const name = `${topic}/${partition}`;
    const entry = this.#entries.get(name);
    clearTimeout(entry?.timer);
    this.#entries.delete(name);
    return entry?.alerted === true;
  }

  retrying(): { topic: string; partition: number; seconds: number }[] {
    return [...this.#entries.values()].map(({ topic, partition, sinceMs }) => ({ topic, partition, seconds: (performance.now() - sinceMs) / 1000 }));
  }

  stop(): void {
    for (const { timer } of this.#entries.values()) clearTimeout(timer);
    this.#entries.clear();
  }
}
