import { Injectable } from '@nestjs/common';

/**
 * Wakes the control streams of this process when a task's stream has changed here. Other processes' changes are found by
 * polling: a signal only shortens the wait, nothing depends on it.
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

  /** Resolves at the next change, after `timeoutMs`, or when the signal aborts. */
  wait(taskId: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#waiting.get(taskId)?.delete(done);
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
