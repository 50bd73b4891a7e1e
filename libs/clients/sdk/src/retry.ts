import { setTimeout as wait } from 'node:timers/promises';
import { SkeinError } from './errors.js';

/** How long `withRetry` goes on, in milliseconds of the process clock, and how long it rests at first. */
export interface RetryOptions {
  readonly timeoutMs: number;
  readonly restMs?: number;
}

const passing = (error: unknown): boolean => (error instanceof SkeinError ? error.retriable : error instanceof TypeError || (error as { code?: string }).code === 'ECONNREFUSED');

/**
 * Repeats a call that may have had its effect: safe because every command carries a key, and a key has one effect and one
 * answer. Refusals are final and thrown at once.
 */
export async function withRetry<T>(call: () => Promise<T>, options: RetryOptions): Promise<T> {
  const until = performance.now() + options.timeoutMs;
  for (let restMs = options.restMs ?? 50; ; restMs = Math.min(restMs * 2, 1000)) {
    try {
      return await call();
    } catch (error) {
      if (!passing(error) || performance.now() > until) throw error;
      await wait(restMs);
    }
  }
}
