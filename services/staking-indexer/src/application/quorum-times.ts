import type { ChainTimes, EpochClock } from './chain-times.js';

/** Times as `quorum` endpoints say them and none contradicts: what is counted by epochs rests on no single word. */
export class QuorumTimes implements ChainTimes {
  readonly #times: readonly ChainTimes[];
  readonly #quorum: number;

  constructor(times: readonly ChainTimes[], quorum: number) {
    if (quorum < 1 || quorum > times.length) throw new Error(`${times.length} endpoints cannot make a quorum of ${quorum}`);
    this.#times = times;
    this.#quorum = quorum;
  }

  clock(): Promise<EpochClock | undefined> {
    return this.#agreed((times) => times.clock(), ({ genesisMs, epochMs }) => `${genesisMs} ${epochMs}`);
  }

  timeOf(blockNumber: number): Promise<number | undefined> {
    return this.#agreed((times) => times.timeOf(blockNumber), String);
  }

  async #agreed<T>(ask: (times: ChainTimes) => Promise<T | undefined>, keyOf: (value: T) => string): Promise<T | undefined> {
    const told = (await Promise.all(this.#times.map(ask))).filter((value) => value !== undefined);
    return told.length >= this.#quorum && new Set(told.map(keyOf)).size === 1 ? told[0] : undefined;
  }
}
