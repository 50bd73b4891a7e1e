/** Looks that pass before a range as wide as a refused one is tried again. */
const PATIENCE = 16;

/** How many blocks are asked for at once: halved when the chain refuses, doubled when it answers with little. */
export class BlockRange {
  #span: number;
  #ceiling: number;
  #patience = 0;
  readonly #max: number;
  readonly #wanted: number;

  /** `wanted`: facts of one answer above half of which nothing more is asked for at once. */
  constructor(first = 512, max = 16_384, wanted = 4_000) {
    this.#span = first;
    this.#max = max;
    this.#ceiling = max;
    this.#wanted = wanted;
  }

  get span(): number {
    return this.#span;
  }

  /** After an answer with so many facts. */
  grow(facts = 0): void {
    if (this.#patience > 0) this.#patience -= 1;
    else this.#ceiling = this.#max;
    if (facts * 2 <= this.#wanted) this.#span = Math.max(this.#span, Math.min(this.#span * 2, this.#ceiling));
  }

  /** False when there is nothing left to halve. */
  shrink(): boolean {
    if (this.#span === 1) return false;
    // Else every second question would be one that was refused before.
    this.#ceiling = this.#span - 1;
    this.#patience = PATIENCE;
    this.#span = Math.max(1, Math.floor(this.#span / 2));
    return true;
  }
}
