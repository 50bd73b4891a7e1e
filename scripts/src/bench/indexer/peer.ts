import { ratioOf, spreadOf, type Spread } from '../stats.js';
import { withServer } from '../event-store/server.js';
import { installPonder, PONDER, ponderBackfill, type PonderChain, type PonderPlace } from './ponder.js';

export type Beside = { readonly ponder: string; readonly events_per_second: Spread; readonly ratio: Spread } | { readonly ponder: string; readonly skipped: string };

/** Ponder beside the indexer. Whatever it fails at is told and fails nothing: it is not ours to mend. */
export class Peer {
  readonly #place: PonderPlace;
  readonly #seconds: number[] = [];
  #skipped: string | undefined;

  private constructor(place: PonderPlace) {
    this.#place = place;
    if ('skipped' in place) this.#skip(place.skipped);
  }

  static async install(): Promise<Peer> {
    return new Peer(await installPonder());
  }

  /** One backfill, with a PostgreSQL of its own. */
  async round(chain: PonderChain, staked: bigint): Promise<void> {
    const place = this.#place;
    if (this.#skipped !== undefined || 'skipped' in place) return;
    try {
      this.#seconds.push(await withServer((server) => ponderBackfill(place, server, chain, staked)));
    } catch (error) {
      this.#skip((error as Error).message);
    }
  }

  /** Its rates, and how many times as fast ours are, where it came through every round. */
  beside(events: number, ours: readonly number[]): Beside {
    if (this.#skipped !== undefined) return { ponder: PONDER, skipped: this.#skipped };
    const rates = (seconds: readonly number[]): number[] => seconds.map((one) => events / one);
    return { ponder: PONDER, events_per_second: spreadOf(rates(this.#seconds)), ratio: ratioOf(rates(ours), rates(this.#seconds)) };
  }

  #skip(why: string): void {
    this.#skipped = why;
    process.stderr.write(`without Ponder: ${why}\n`);
  }
}
