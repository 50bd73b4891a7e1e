import type { ChainClient } from '@skein/contracts-evm';
import type { DeterministicRandom } from '@skein/kernel';
import type { Hex } from 'viem';
import type { TestChain } from './chain.js';

/** A stake that was sent: signed once, mined in whichever blocks the chain's forks put it into. */
interface Sent {
  readonly raw: Hex;
  readonly wallet: number;
  readonly block: number;
}

/** Depth of anvil's finality by default: 32 slots twice. */
export const FINAL_DEPTH = 64;

const below = (random: DeterministicRandom, limit: number): number => ((random.bytes(2)[0]! << 8) | random.bytes(2)[1]!) % limit;

/** Grows a devnet at random and forks it: transactions of left blocks move to other blocks, are dropped, or replaced by others. */
export class ForkingChain {
  readonly #chain: TestChain;
  readonly #wallets: readonly ChainClient[];
  readonly #random: DeterministicRandom;
  #sent: Sent[] = [];

  constructor(chain: TestChain, wallets: readonly ChainClient[], random: DeterministicRandom) {
    this.#chain = chain;
    this.#wallets = wallets;
    this.#random = random;
  }

  draw(limit: number): number {
    return below(this.#random, limit);
  }

  #amount(): bigint {
    return BigInt(1 + this.draw(1_000));
  }

  /** Some stakes, each in a block of its own, with empty blocks between. */
  async grow(stakes: number): Promise<void> {
    for (let stake = 0; stake < stakes; stake += 1) {
      await this.mine(this.draw(4));
      const wallet = this.draw(this.#wallets.length);
      const client = this.#wallets[wallet]!;
      const raw = await this.#chain.signedStake(client, this.#amount());
      const hash = await client.reader.request({ method: 'eth_sendRawTransaction', params: [raw] });
      // The devnet answers before it has mined: until then the account's nonce and the height are the old ones.
      let receipt = null;
      while (receipt === null) receipt = await client.reader.request({ method: 'eth_getTransactionReceipt', params: [hash] });
      this.#sent.push({ raw, wallet, block: Number(receipt.blockNumber) });
    }
  }

  /** Leaves the newest `depth` blocks and puts as many others in their place. */
  async fork(depth: number): Promise<void> {
    const first = (await this.#height()) - depth + 1;
    const [kept, left] = [this.#sent.filter(({ block }) => block < first), this.#sent.filter(({ block }) => block >= first)];
    const placed: Sent[] = [];
    for (let wallet = 0; wallet < this.#wallets.length; wallet += 1) placed.push(...(await this.#again(wallet, left.filter((sent) => sent.wallet === wallet), first, depth)));
    placed.sort((a, b) => a.block - b.block);
    await this.#chain.reorg(depth, placed.map(({ raw, block }) => [raw, block - first] as const));
    this.#sent = [...kept, ...placed];
  }

  /** What becomes of one wallet's stakes, in the order of their nonces: from some place on they may be dropped. */
  async #again(wallet: number, left: readonly Sent[], first: number, depth: number): Promise<Sent[]> {
    const surviving = this.draw(3) === 0 ? this.draw(left.length + 1) : left.length;
    const nonce = await this.#chain.nonceAt(this.#wallets[wallet]!, first - 1);
    let block = first;
    const placed: Sent[] = [];
    for (const [at, sent] of left.slice(0, surviving).entries()) {
      block += this.draw(Math.max(1, Math.ceil((first + depth - block) / 2)));
      const raw = this.draw(4) === 0 ? await this.#chain.signedStake(this.#wallets[wallet]!, this.#amount(), { nonce: nonce + at }) : sent.raw;
      placed.push({ raw, wallet, block });
    }
    return placed;
  }

  async mine(blocks: number): Promise<void> {
    if (blocks > 0) await this.#chain.mineAtOnce(blocks);
  }

  async #height(): Promise<number> {
    return Number(await this.#chain.height());
  }
}
