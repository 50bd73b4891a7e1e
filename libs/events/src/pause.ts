/** A wait that can be cut short; a wake before the wait ends it at once. */
export class Pause {
  #woken = false;
  #release: (() => void) | undefined;

  /** Ends the wait under way, or the next one. */
  wake(): void {
    this.#woken = true;
    this.#release?.();
  }

  /** Waits for `ms` milliseconds or a wake; true where it was one. */
  async wait(ms: number): Promise<boolean> {
    if (!this.#woken)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#release = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    const woken = this.#woken;
    this.#release = undefined;
    this.#woken = false;
    return woken;
  }
}

/** Waiting time before the given retry (from 1): doubles from `firstMs` to `maxMs`. */
export const backoffMs = (retry: number, firstMs = 100, maxMs = 30_000): number => Math.min(maxMs, firstMs * 2 ** Math.min(retry - 1, 20));
