import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * One at a time per name inside this process. Commands on one stream would otherwise race each other to the same version
 * and all but one decide again. Throws where work waits for its own lane, which would never end.
 */
export class Lanes {
  readonly #last = new Map<string, Promise<unknown>>();
  readonly #inside = new AsyncLocalStorage<{ name: string; open: boolean }>();

  async run<T>(name: string, work: () => Promise<T>): Promise<T> {
    const held = this.#inside.getStore();
    if (held?.open && held.name === name) throw new Error(`a command on ${name} waits for another one on the same stream that it started itself`);
    const before = this.#last.get(name);
    const mine = this.#after(before, name, work);
    const settled = mine.catch(() => undefined);
    this.#last.set(name, settled);
    try {
      return await mine;
    } finally {
      if (this.#last.get(name) === settled) this.#last.delete(name);
    }
  }

  async #after<T>(before: Promise<unknown> | undefined, name: string, work: () => Promise<T>): Promise<T> {
    await before;
    const place = { name, open: true };
    try {
      return await this.#inside.run(place, work);
    } finally {
      place.open = false;
    }
  }
}
