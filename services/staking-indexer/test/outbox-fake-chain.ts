import { emissionAbi } from '@skein/contracts-evm';
import { decodeFunctionData, keccak256, parseTransaction, type Address, type Hex } from 'viem';
import type { Call, ContractRead, Receipt, Sent, TransactionChain } from '../src/application/outbox/ports.js';
import type { Fees } from '../src/domain/outbox/fees.policy.js';
import type { Block, Refusal } from '../src/domain/outbox/outbox.events.js';

interface Pooled extends Fees {
  readonly hash: Hex;
  readonly nonce: number;
  readonly epoch: bigint;
}

interface Mined extends Pooled {
  readonly succeeded: boolean;
}

interface FakeBlock {
  readonly hash: string;
  readonly transactions: readonly Mined[];
}

const FINALITY = 2;

/** A chain of one account and one contract, which mints an epoch once: it forks, forgets what waits, and gets dear. */
export class FakeChain implements TransactionChain {
  blocks: FakeBlock[] = [{ hash: '0xg', transactions: [] }];
  baseFee = 10n;
  /** Takes no replacement: whoever makes the blocks has not seen it. */
  ignores = false;
  /** Epochs that are over: later ones are refused. */
  epochsOver = 1_000n;
  readonly #firstNonce: number;
  #pool = new Map<number, Pooled>();
  #made = 0;

  constructor(firstNonce = 0) {
    this.#firstNonce = firstNonce;
  }

  #mined(upTo = this.blocks.length - 1): Mined[] {
    return this.blocks.slice(0, upTo + 1).flatMap(({ transactions }) => transactions);
  }

  /** Every transaction of the chain as it stands. */
  get history(): readonly Mined[] {
    return this.#mined();
  }

  get waiting(): number {
    return this.#pool.size;
  }

  mine(): void {
    const transactions: Mined[] = [];
    const done = new Set(this.#mined().filter(({ succeeded }) => succeeded).map(({ epoch }) => epoch));
    for (let nonce = this.#firstNonce + this.#mined().length; ; nonce += 1) {
      const next = this.#pool.get(nonce);
      if (next === undefined || next.feeMax < this.baseFee) break;
      const succeeded = !done.has(next.epoch) && next.epoch < this.epochsOver;
      if (succeeded) done.add(next.epoch);
      this.#pool.delete(nonce);
      transactions.push({ ...next, succeeded });
    }
    this.blocks.push({ hash: `0x${(this.#made += 1)}`, transactions });
  }

  /** Leaves blocks that are not final; their transactions wait again, or are forgotten. */
  fork(depth: number, forgets: boolean): void {
    const left = this.blocks.splice(Math.max(this.blocks.length - Math.min(depth, FINALITY), 1));
    for (const transaction of left.flatMap(({ transactions }) => transactions)) if (!forgets) this.#pool.set(transaction.nonce, transaction);
    for (const [at] of left.entries()) this.blocks.push({ hash: `0xf${(this.#made += 1)}-${at}`, transactions: [] });
  }

  forget(): void {
    this.#pool.clear();
  }

  /** Somebody else has the key. */
  foreign(nonce: number, epoch: bigint): void {
    this.#pool.set(nonce, { hash: `0xdead${nonce}`, nonce, epoch, feeMax: 10n ** 12n, tipMax: 10n ** 12n });
  }

  async finalised(): Promise<Block> {
    const number = Math.max(0, this.blocks.length - 1 - FINALITY);
    return { number, hash: this.blocks[number]!.hash };
  }

  async blockHash(number: number): Promise<string | undefined> {
    return this.blocks[number]?.hash;
  }

  async nonceAt(_account: Address, block: number | 'latest'): Promise<number> {
    return this.#firstNonce + this.#mined(block === 'latest' ? undefined : block).length;
  }

  async receipt(hash: Hex): Promise<Receipt | undefined> {
    for (const [number, block] of this.blocks.entries()) {
      const found = block.transactions.find((transaction) => transaction.hash === hash);
      if (found !== undefined) return { block: { number, hash: block.hash }, succeeded: found.succeeded };
    }
    return undefined;
  }

  async send(raw: Hex): Promise<Sent> {
    const { nonce = 0, maxFeePerGas: feeMax = 0n, maxPriorityFeePerGas: tipMax = 0n, data } = parseTransaction(raw);
    const { args } = decodeFunctionData({ abi: emissionAbi, data: data! });
    if (nonce < this.#firstNonce + this.#mined().length) return 'taken';
    const before = this.#pool.get(nonce);
    if (before !== undefined && this.ignores) return 'taken';
    const hash = keccak256(raw);
    if (before !== undefined && before.hash !== hash && (feeMax * 10n < before.feeMax * 11n || tipMax * 10n < before.tipMax * 11n)) return 'underpriced';
    this.#pool.set(nonce, { hash, nonce, epoch: (args as readonly [bigint])[0], feeMax, tipMax });
    return 'taken';
  }

  async fees(): Promise<Fees> {
    return { feeMax: this.baseFee * 2n + 1n, tipMax: 1n };
  }

  #refusal(epoch: bigint): Refusal | undefined {
    if (epoch >= this.epochsOver) return { error: 'EpochNotOver', message: `EpochNotOver(${epoch})` };
    const minted = this.#mined().some((one) => one.succeeded && one.epoch === epoch);
    return minted ? { error: 'EpochAlreadyMinted', message: `EpochAlreadyMinted(${epoch})` } : undefined;
  }

  async dryRun(_from: Address, { data }: Call): Promise<{ gas: bigint } | { refusal: Refusal }> {
    const { args } = decodeFunctionData({ abi: emissionAbi, data });
    const refusal = this.#refusal((args as readonly [bigint])[0]);
    return refusal === undefined ? { gas: 100_000n } : { refusal };
  }

  async read({ args }: ContractRead, block: number | 'latest'): Promise<unknown> {
    return this.#mined(block === 'latest' ? undefined : block).some((one) => one.succeeded && one.epoch === args[0]);
  }

  async newestEvent(): Promise<undefined> {}

  async eventsIn(): Promise<never[]> {
    return [];
  }

  async callOf(): Promise<{ to: string; data: string }> {
    return { to: '', data: '' };
  }
}
