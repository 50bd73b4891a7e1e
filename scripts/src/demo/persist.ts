import { setTimeout as wait } from 'node:timers/promises';
import { SkeinError } from '@skein/sdk';

const TIMEOUT_MS = 60_000;

/** Tries until it works: for what becomes true in a while, and for calls to a chain that is being restarted. Refusals are final. */
export async function persist<T>(attempt: () => Promise<T>, timeoutMs: number = TIMEOUT_MS): Promise<T> {
  const until = performance.now() + timeoutMs;
  for (let restMs = 50; ; restMs = Math.min(restMs * 1.5, 500)) {
    try {
      return await attempt();
    } catch (error) {
      if ((error instanceof SkeinError && !error.retriable) || performance.now() > until) throw error;
      await wait(restMs);
    }
  }
}
