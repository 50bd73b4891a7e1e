import { Injectable } from '@nestjs/common';

/**
 * Wakes the control streams of this process when a task's stream has changed, here or in another process. A signal only
 * shortens the wait, nothing depends on it.
 */
@Injectable()
export class TaskSignals {
  readonly #waiting = new Map<string, Set<() => void>>();

  /** Something happened in the task. */
  changed(taskId: string): void {
    const waiting = this.#waiting.get(taskId);
    this.#waiting.delete(taskId);
    waiting?.forEach((wake) => wake());
  }

  /** Whether any stream waits. */
  get awaited(): boolean {
    return this.#waiting.size > 0;
  }

  /** Something may have happened in any task. */
  allChanged(): void {
    for (const taskId of [...this.#waiting.keys()]) this.changed(taskId);
  }

  /** Resolves at the next change, after `timeoutMs`, or when the signal aborts. */
  wait(taskId: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        const others = this.#waiting.get(taskId);
        others?.delete(done);
        if (others?.size === 0) this.#waiting.delete(taskId);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      signal.addEventListener('abort', done);
      const waiting = this.#waiting.get(taskId) ?? new Set();
      this.#waiting.set(taskId, waiting.add(done));
      if (signal.aborted) done();
    });
  }
}
