/** How many blocks are asked for at once: halved when the chain refuses, doubled when it answers. */
export class BlockRange {
  #span: number;
  readonly #max: number;

  constructor(first = 512, max = 16_384) {
    this.#span = first;
    this.#max = max;
  }

  get span(): number {
    return this.#span;
  }

  grow(): void {
    this.#span = Math.min(this.#span * 2, this.#max);
  }

  /** False when there is nothing left to halve. */
  shrink(): boolean {
    if (this.#span === 1) return false;
    this.#span = Math.max(1, Math.floor(this.#span / 2));
    return true;
  }
}
