import { emissionAbi, type AddressBook } from '@skein/contracts-evm';
import { encodeFunctionData, numberToHex, type Hex } from 'viem';
import type { ChainTimes, EpochClock } from '../application/chain-times.js';
import type { JsonRpc, RpcCall } from './json-rpc.js';
import { blockOf } from './rpc-shapes.js';

const BLOCKS_KEPT = 256;

/** The emission's clock and blocks' times, each asked for until it has been answered once. */
export class RpcChainTimes implements ChainTimes {
  readonly #rpc: JsonRpc;
  readonly #book: AddressBook;
  readonly #times = new Map<number, number>();
  #clock: EpochClock | undefined;

  constructor(rpc: JsonRpc, book: AddressBook) {
    this.#rpc = rpc;
    this.#book = book;
  }

  async clock(): Promise<EpochClock | undefined> {
    this.#clock ??= await this.#askClock().catch(() => undefined);
    return this.#clock;
  }

  async timeOf(blockNumber: number): Promise<number | undefined> {
    const known = this.#times.get(blockNumber);
    if (known !== undefined) return known;
    const block = await this.#rpc.call<unknown>('eth_getBlockByNumber', numberToHex(blockNumber), false).then(blockOf).catch(() => undefined);
    if (block?.number !== blockNumber) return undefined;
    if (this.#times.size >= BLOCKS_KEPT) this.#times.delete(this.#times.keys().next().value!);
    this.#times.set(blockNumber, block.time * 1000);
    return block.time * 1000;
  }

  async #askClock(): Promise<EpochClock> {
    const call = (functionName: 'genesis' | 'epochSeconds'): RpcCall => [
      'eth_call',
      { to: this.#book.emission, data: encodeFunctionData({ abi: emissionAbi, functionName }) },
      'latest',
    ];
    const [genesis, seconds] = await this.#rpc.batch<Hex>([call('genesis'), call('epochSeconds')]);
    const [genesisMs, epochMs] = [Number(BigInt(genesis!)) * 1000, Number(BigInt(seconds!)) * 1000];
    if (epochMs <= 0) throw new Error('the emission has no epochs');
    return { genesisMs, epochMs };
  }
}
