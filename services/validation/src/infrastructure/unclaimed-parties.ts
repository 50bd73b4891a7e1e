import { Injectable } from '@nestjs/common';
import type { Parties } from '../application/ports.js';

/** Every wallet is its own party: nobody publishes claims of wallets yet. */
@Injectable()
export class UnclaimedParties implements Parties {
  async partiesOf(wallets: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return new Map(wallets.map((wallet) => [wallet, wallet]));
  }
}
