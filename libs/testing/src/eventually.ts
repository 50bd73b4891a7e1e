import { setTimeout as sleep } from 'node:timers/promises';

/** Calls `check` until it does not throw and returns its value; rethrows the last failure at the deadline (default 45 s: a busy machine is no failure). */
export async function eventually<T>(check: () => T | Promise<T>, options: { timeoutMs?: number; everyMs?: number } = {}): Promise<T> {
  const deadline = performance.now() + (options.timeoutMs ?? 45_000);
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await sleep(options.everyMs ?? 10);
  }
}
