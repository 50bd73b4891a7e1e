import { DeterministicRandom, sha256, type Clock, type IdSource } from '@skein/kernel';

/** A clock that stands still until it is told otherwise; epoch milliseconds. */
export class FakeClock implements Clock {
  #nowMs: number;
  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs;
  }
  nowMs(): number {
    return this.#nowMs;
  }
  advance(byMs: number): void {
    this.#nowMs += byMs;
  }
}

/** UUIDs in sequence, the same in every run: `00000000-0000-7000-8000-000000000001` and so on. */
export class FakeIds implements IdSource {
  #next = 1;
  uuidV7(): string {
    const tail = (this.#next++).toString(16).padStart(12, '0');
    return `00000000-0000-7000-8000-${tail}`;
  }
}

/** Bytes and numbers that are the same in every run, by name. */
export const fakeRandom = (name = 'skein'): DeterministicRandom => new DeterministicRandom(sha256(new TextEncoder().encode(name)));
