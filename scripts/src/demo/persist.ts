import { setTimeout as wait } from 'node:timers/promises';
import { SkeinError } from '@skein/sdk';

/** How long the people of a story go on asking. Where Skein is broken on purpose under a story, whoever breaks it gives them more. */
export const patience = { timeoutMs: 60_000 };

/** Tries until it works: for what becomes true in a while, and for calls to a chain that is being restarted. Refusals are final. */
export async function persist<T>(attempt: () => Promise<T>, timeoutMs: number = patience.timeoutMs): Promise<T> {
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
