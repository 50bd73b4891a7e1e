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

/** What became of stakes in blocks that were left, and how many came into a block behind another: with other log indices. */
export interface Became {
  moved: number;
  dropped: number;
  replaced: number;
  together: number;
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
  #firstNonces: readonly number[] = [];
  readonly became: Became = { moved: 0, dropped: 0, replaced: 0, together: 0 };

  constructor(chain: TestChain, wallets: readonly ChainClient[], random: DeterministicRandom) {
    this.#chain = chain;
    this.#wallets = wallets;
    this.#random = random;
  }

  /** Stakes that the chain holds now. */
  get standing(): number {
    return this.#sent.length;
  }

  draw(limit: number): number {
    return below(this.#random, limit);
  }

  #amount(): bigint {
    return BigInt(1 + this.draw(1_000));
  }

  /** Some stakes, each in a block of its own, with empty blocks between. */
  async grow(stakes: number): Promise<void> {
    if (this.#firstNonces.length === 0) this.#firstNonces = await this.#nonces();
    for (let stake = 0; stake < stakes; stake += 1) {
      await this.mine(this.draw(4));
      const wallet = this.draw(this.#wallets.length);
      const client = this.#wallets[wallet]!;
      const raw = await this.#chain.signedStake(client, this.#amount());
      this.#sent.push({ raw, wallet, block: await this.#chain.sendRaw(client, raw) });
    }
  }

  /** Leaves the newest `depth` blocks and puts as many others in their place. */
  async fork(depth: number): Promise<void> {
    if (depth === 0) return;
    const first = (await this.#height()) - depth + 1;
    // Far apart, or a few blocks that hold them all.
    const spread = this.draw(3) === 0 ? 3 : depth;
    const [kept, left] = [this.#sent.filter(({ block }) => block < first), this.#sent.filter(({ block }) => block >= first)];
    const placed: Sent[] = [];
    for (let wallet = 0; wallet < this.#wallets.length; wallet += 1) placed.push(...(await this.#again(wallet, left.filter((sent) => sent.wallet === wallet), first, spread)));
    placed.sort((a, b) => a.block - b.block);
    this.became.together += placed.filter(({ block }, at) => placed[at - 1]?.block === block).length;
    await this.#chain.reorg(depth, placed.map(({ raw, block }) => [raw, block - first] as const));
    this.#sent = [...kept, ...placed];
    await this.#checkNonces();
  }

  /** A devnet that left out what a fork was to hold would make the histories poorer than they say. */
  async #checkNonces(): Promise<void> {
    for (const [wallet, there] of (await this.#nonces()).entries()) {
      const sent = this.#sent.filter((one) => one.wallet === wallet).length;
      const first = this.#firstNonces[wallet]!;
      if (there !== first + sent) throw new Error(`wallet ${wallet} has ${there - first} stakes on the chain, ${sent} were put there`);
    }
  }

  async #nonces(): Promise<number[]> {
    const height = await this.#height();
    return Promise.all(this.#wallets.map((client) => this.#chain.nonceAt(client, height)));
  }

  /** What becomes of one wallet's stakes, in the order of their nonces: from some place on they may be dropped. */
  async #again(wallet: number, left: readonly Sent[], first: number, spread: number): Promise<Sent[]> {
    const surviving = this.draw(3) === 0 ? this.draw(left.length + 1) : left.length;
    const nonce = await this.#chain.nonceAt(this.#wallets[wallet]!, first - 1);
    let block = first;
    const placed: Sent[] = [];
    for (const [at, sent] of left.slice(0, surviving).entries()) {
      block += this.draw(Math.max(1, Math.ceil((first + spread - block) / 2)));
      const replaced = this.draw(4) === 0;
      const raw = replaced ? await this.#chain.signedStake(this.#wallets[wallet]!, this.#amount(), { nonce: nonce + at }) : sent.raw;
      placed.push({ raw, wallet, block });
      if (replaced) this.became.replaced += 1;
      else if (block !== sent.block) this.became.moved += 1;
    }
    this.became.dropped += left.length - surviving;
    return placed;
  }

  async mine(blocks: number): Promise<void> {
    if (blocks > 0) await this.#chain.mineAtOnce(blocks);
  }

  async #height(): Promise<number> {
    return Number(await this.#chain.height());
  }
}
