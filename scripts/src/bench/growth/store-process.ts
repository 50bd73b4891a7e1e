import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { StoreMemory } from './memory.js';

/** What a store's process is asked for: so many appends and commands, or its memory. */
export type StoreOrder = { readonly slice: { readonly label: string; readonly appends: number; readonly commands: number } } | { readonly memory: true };

/** Milliseconds of one append with eight in flight, and of one command. */
export interface Slice {
  readonly appendMs: number;
  readonly commandMs: number;
}

/** A store of one size with a process of its own, so that what it keeps in memory is nobody else's. */
export class StoreProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<never>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`a store's process ended with ${String(code)}`)));
    this.#ended.catch(() => undefined);
  }

  static async start(ownerUrl: string, appUrl: string): Promise<StoreProcess> {
    const started = new StoreProcess(fork(new URL('./store-main.js', import.meta.url), [ownerUrl, appUrl]));
    await started.#answer();
    return started;
  }

  slice(label: string, appends: number, commands: number): Promise<Slice> {
    return this.#ask<Slice>({ slice: { label, appends, commands } });
  }

  memory(): Promise<StoreMemory> {
    return this.#ask<StoreMemory>({ memory: true });
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.disconnect();
    await ended;
  }

  async #ask<T>(order: StoreOrder): Promise<T> {
    const answer = this.#answer();
    this.#child.send(order);
    return (await answer) as T;
  }

  async #answer(): Promise<unknown> {
    const [answer] = (await Promise.race([once(this.#child, 'message'), this.#ended])) as [unknown];
    return answer;
  }
}
