import type { BlockRef } from '../domain/facts.js';
import type { ChainSource, Header } from './chain-source.js';

/** Headers of blocks that may still be undone, asked for once. Whatever contradicts them empties it. */
export class HeaderChain {
  readonly #source: Pick<ChainSource, 'header'>;
  readonly #known = new Map<number, Header>();

  constructor(source: Pick<ChainSource, 'header'>) {
    this.#source = source;
  }

  /**
   * The blocks behind `base` up to `tip`, each the child of the one before; undefined when they are not one chain, because
   * it changed while we read.
   */
  async link(base: BlockRef, tip: Header): Promise<Header[] | undefined> {
    const links: Header[] = [];
    let parent = base;
    for (let number = base.number + 1; number <= tip.number; number += 1) {
      const header = number === tip.number ? tip : (this.#known.get(number) ?? (await this.#source.header(number)));
      if (header === undefined || header.parentHash !== parent.hash) {
        this.#known.clear();
        return undefined;
      }
      this.#known.set(number, header);
      links.push(header);
      parent = header;
    }
    this.#forgetBelow(base.number);
    return links;
  }

  #forgetBelow(number: number): void {
    for (const known of this.#known.keys()) if (known <= number) this.#known.delete(known);
  }
}
