import { backoffMs } from './embedded/delay.js';
import type { ConsumerTiming } from './consumer.types.js';

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

  /** Notes a failure and arranges `resume`; `alert` is true once per episode, when it has lasted too long. */
  failed(topic: string, partition: number, resume: () => void): { waitMs: number; alert: boolean } {
    const name = `${topic}/${partition}`;
    const entry = this.#entries.get(name) ?? { topic, partition, sinceMs: performance.now(), attempts: 0, alerted: false, timer: undefined };
    this.#entries.set(name, entry);
    entry.attempts += 1;
    const waitMs = backoffMs(entry.attempts, this.#timing.backoffFirstMs, this.#timing.backoffMaxMs);
    clearTimeout(entry.timer);
    entry.timer = setTimeout(resume, waitMs);
    const alert = !entry.alerted && performance.now() - entry.sinceMs >= this.#timing.alertAfterMs;
    if (alert) entry.alerted = true;
    return { waitMs, alert };
  }

  succeeded(topic: string, partition: number): void {
    const name = `${topic}/${partition}`;
    clearTimeout(this.#entries.get(name)?.timer);
    this.#entries.delete(name);
  }

  retrying(): { topic: string; partition: number; seconds: number }[] {
    return [...this.#entries.values()].map(({ topic, partition, sinceMs }) => ({ topic, partition, seconds: (performance.now() - sinceMs) / 1000 }));
  }

  stop(): void {
    for (const { timer } of this.#entries.values()) clearTimeout(timer);
    this.#entries.clear();
  }
}
