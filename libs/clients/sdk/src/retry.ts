import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { bigintBelow, type RandomSource } from '@skein/kernel';
import { SkeinError } from './errors.js';

/** How long `withRetry` goes on, in milliseconds of the process clock, and how long it rests at first. */
export interface RetryOptions {
  readonly timeoutMs: number;
  readonly restMs?: number;
  /** Longest rest, also where a service asks for a longer one; default 30 000. */
  readonly restMsMax?: number;
  /** Spreads the rests, so that callers that were refused together do not come back together; default: the system's. */
  readonly random?: RandomSource;
}

const BACKOFF_MS_MAX = 1_000;
const REST_MS_MAX = 30_000;
/** Up to so much of a time that the service has asked for is added to it. */
const SPREAD = 0.25;

const system: RandomSource = { bytes: (count) => new Uint8Array(randomBytes(count)) };
const passing = (error: unknown): boolean => (error instanceof SkeinError ? error.retriable : error instanceof TypeError || (error as { code?: string }).code === 'ECONNREFUSED');

/** A whole number of milliseconds from `min` to `max`. */
const between = (random: RandomSource, min: number, max: number): number => min + Number(bigintBelow(random, BigInt(Math.max(1, Math.floor(max - min) + 1))));

/**
 * How long to rest before the next attempt: never less than the service asks for (`retryAfterMs`), up to the bound; else
 * between half of the back-off and all of it.
 */
export function restBefore(error: unknown, backoffMs: number, { restMsMax = REST_MS_MAX, random = system }: Pick<RetryOptions, 'restMsMax' | 'random'> = {}): number {
  const asked = error instanceof SkeinError ? error.retryAfterMs : undefined;
  if (asked === undefined) return Math.min(restMsMax, between(random, Math.ceil(backoffMs / 2), backoffMs));
  return Math.min(restMsMax, between(random, Math.ceil(asked), asked * (1 + SPREAD)));
}

/**
 * Repeats a call that may have had its effect: safe because every command carries a key, and a key has one effect and one
 * answer. Refusals are final and thrown at once, but for those that want of capacity has caused: they say when to try again.
 */
export async function withRetry<T>(call: () => Promise<T>, options: RetryOptions): Promise<T> {
  const until = performance.now() + options.timeoutMs;
  for (let backoffMs = options.restMs ?? 50; ; backoffMs = Math.min(backoffMs * 2, BACKOFF_MS_MAX)) {
    try {
      return await call();
    } catch (error) {
      if (!passing(error)) throw error;
      const restMs = restBefore(error, backoffMs, options);
      // A rest that ends too late would only delay the news.
      if (performance.now() + restMs > until) throw error;
      await wait(restMs);
    }
  }
}
