import { taskStakingAbi, type AddressBook } from '@skein/contracts-evm';
import { decodeFunctionResult, encodeFunctionData, hexToNumber, numberToHex, type Hex } from 'viem';
import { RangeRefused, type ChainSource, type Header, type Heads } from '../application/chain-source.js';
import type { BlockRef, ChainFact } from '../domain/facts.js';
import { mayHold } from './bloom.js';
import { decodeFact, factTopics, type LogData } from './decode-log.js';
import { RpcError, type JsonRpc, type RpcCall } from './json-rpc.js';

interface RpcBlock {
  readonly number: Hex;
  readonly hash: Hex;
  readonly parentHash: Hex;
  readonly logsBloom: Hex;
}

interface RpcLog extends LogData {
  readonly address: Hex;
  readonly blockNumber: Hex;
  readonly blockHash: Hex;
  readonly transactionHash: Hex;
  readonly logIndex: Hex;
  readonly removed?: boolean;
}

interface RpcReceipt {
  readonly blockHash: Hex;
  readonly logs: readonly RpcLog[];
}

/** Logs of one answer above which a smaller range is asked for. */
const LOGS_MAX = 2_000;
const RECEIPTS_PER_CALL = 100;

/** A chain behind an Ethereum JSON-RPC endpoint. It polls `eth_getLogs`; filters of the endpoint would be lost with it. */
export class RpcChainSource implements ChainSource {
  readonly #rpc: JsonRpc;
  readonly #book: AddressBook;
  readonly #finalityBlocks: number | undefined;
  readonly #contracts: readonly Hex[];

  /** `finalityBlocks` only for a chain that lacks the tags `safe` and `finalized`. */
  constructor(rpc: JsonRpc, book: AddressBook, finalityBlocks?: number) {
    this.#rpc = rpc;
    this.#book = book;
    this.#finalityBlocks = finalityBlocks;
    this.#contracts = [book.gmExchange, book.taskStaking];
  }

  async identity(): Promise<{ chainId: number; genesis: BlockRef }> {
    const [chainId, genesis] = await this.#rpc.batch<unknown>([['eth_chainId'], blockAt('0x0')]);
    const { number, hash } = genesis as RpcBlock;
    return { chainId: hexToNumber(chainId as Hex), genesis: { number: hexToNumber(number), hash } };
  }

  async heads(): Promise<Heads> {
    if (this.#finalityBlocks !== undefined) return this.#headsByDepth(this.#finalityBlocks);
    const [latest, safe, finalised] = await this.#rpc.batch<RpcBlock | null>(['latest', 'safe', 'finalized'].map(blockAt));
    return { latest: this.#headOf(latest), safe: this.#headOf(safe), finalised: this.#headOf(finalised) };
  }

  async #headsByDepth(depth: number): Promise<Heads> {
    const latest = this.#headOf(await this.#rpc.call<RpcBlock | null>(...blockAt('latest')));
    const behind = (blocks: number): Hex => numberToHex(Math.max(0, latest.number - blocks));
    const [safe, finalised] = await this.#rpc.batch<RpcBlock | null>([behind(Math.ceil(depth / 2)), behind(depth)].map(blockAt));
    return { latest, safe: this.#headOf(safe), finalised: this.#headOf(finalised) };
  }

  async header(number: number): Promise<Header | undefined> {
    const block = await this.#rpc.call<RpcBlock | null>(...blockAt(numberToHex(number)));
    return block === null ? undefined : this.#headOf(block);
  }

  async facts(from: number, to: number): Promise<ChainFact[]> {
    const logs = await this.#logs(from, to);
    if (logs.length > LOGS_MAX && from < to) throw new RangeRefused(`${logs.length} logs in blocks ${from} to ${to}`);
    const ordinals = await this.#ordinals(logs);
    return logs.map((log, at) => ({
      blockNumber: hexToNumber(log.blockNumber),
      blockHash: log.blockHash,
      logIndex: hexToNumber(log.logIndex),
      txHash: log.transactionHash,
      ordinal: ordinals[at]!,
      fact: decodeFact(this.#book.chainId, log),
    }));
  }

  async totalStaked(block: BlockRef): Promise<bigint | undefined> {
    const data = encodeFunctionData({ abi: taskStakingAbi, functionName: 'grandTotal' });
    try {
      const answer = await this.#rpc.call<Hex>('eth_call', { to: this.#book.taskStaking, data }, numberToHex(block.number));
      return decodeFunctionResult({ abi: taskStakingAbi, functionName: 'grandTotal', data: answer });
    } catch (error) {
      // A node keeps the state of recent blocks only; its logs stay.
      if (error instanceof RpcError) return undefined;
      throw error;
    }
  }

  #headOf(block: RpcBlock | null | undefined): Header {
    if (block === null || block === undefined) throw new Error('the chain has no such head yet');
    const { number, hash, parentHash, logsBloom } = block;
    return { number: hexToNumber(number), hash, parentHash, mayHoldFacts: mayHold(logsBloom, this.#contracts, factTopics) };
  }

  async #logs(from: number, to: number): Promise<RpcLog[]> {
    const filter = { fromBlock: numberToHex(from), toBlock: numberToHex(to), address: this.#contracts, topics: [factTopics] };
    try {
      const logs = await this.#rpc.call<RpcLog[]>('eth_getLogs', filter);
      return logs.filter((log) => log.removed !== true).sort(byPlace);
    } catch (error) {
      // Endpoints word "too many results" and "range too wide" in many ways; a smaller range is right for each of them.
      if (error instanceof RpcError) throw new RangeRefused(error.message);
      throw error;
    }
  }

  /** Place of each log within its transaction. The receipts also show whether the answer holds all of a transaction's logs. */
  async #ordinals(logs: readonly RpcLog[]): Promise<number[]> {
    const hashes = [...new Set(logs.map((log) => log.transactionHash))];
    const receipts = new Map<Hex, RpcReceipt>();
    for (let at = 0; at < hashes.length; at += RECEIPTS_PER_CALL) {
      const some = hashes.slice(at, at + RECEIPTS_PER_CALL);
      const answers = await this.#rpc.batch<RpcReceipt | null>(some.map((hash): RpcCall => ['eth_getTransactionReceipt', hash]));
      some.forEach((hash, place) => answers[place] && receipts.set(hash, answers[place]));
    }
    const found = Map.groupBy(logs, (log) => log.transactionHash);
    for (const [hash, its] of found) this.#checkReceipt(hash, receipts.get(hash), its.length);
    return logs.map((log) => ordinalIn(receipts.get(log.transactionHash), log));
  }

  #checkReceipt(hash: Hex, receipt: RpcReceipt | undefined, found: number): void {
    const ours = receipt?.logs.filter((log) => this.#contracts.includes(addressOf(log)) && factTopics.includes(log.topics[0]!));
    if (ours?.length !== found) throw new RangeRefused(`${found} logs of transaction ${hash}, its receipt has ${ours?.length ?? 'none'}`);
  }
}

const blockAt = (at: string): RpcCall => ['eth_getBlockByNumber', at, false];
const addressOf = (log: RpcLog): Hex => log.address.toLowerCase() as Hex;
const byPlace = (a: RpcLog, b: RpcLog): number =>
  hexToNumber(a.blockNumber) - hexToNumber(b.blockNumber) || hexToNumber(a.logIndex) - hexToNumber(b.logIndex);

function ordinalIn(receipt: RpcReceipt | undefined, log: RpcLog): number {
  const ordinal = receipt?.blockHash === log.blockHash ? receipt.logs.findIndex((other) => other.logIndex === log.logIndex) : -1;
  if (ordinal < 0) throw new RangeRefused(`transaction ${log.transactionHash} moved while it was read`);
  return ordinal;
}
