import type { AddressBook } from '@skein/contracts-evm';
import { keccak256, numberToHex, type Hex } from 'viem';
import { ChainTrouble, RangeRefused, type ChainIdentity, type ChainSource, type Header, type Heads } from '../application/chain-source.js';
import type { Total } from '../application/totals.js';
import type { BlockRef, ChainFact } from '../domain/facts.js';
import { decodeFact, factTopics, type ContractKind } from './decode-log.js';
import { RpcError, type JsonRpc, type RpcCall } from './json-rpc.js';
import { inChunks, RpcContracts } from './rpc-contracts.js';
import { blockTimes, ordinalIn, readLogs, readReceipts } from './rpc-logs.js';
import { blockOf, bytesOf, chainIdOf, type RpcBlock, type RpcLog, type RpcReceipt } from './rpc-shapes.js';
import { callOf, numberOf } from './rpc-totals.js';

const REVERTED = 3;
const CALLS_PER_BATCH = 200;

/** A chain behind one Ethereum JSON-RPC endpoint. It polls `eth_getLogs`; filters of the endpoint would be lost with it. */
export class RpcChainSource implements ChainSource {
  readonly #rpc: JsonRpc;
  readonly #book: AddressBook;
  readonly #finalityBlocks: number | undefined;
  readonly #contracts: RpcContracts;

  /** `finalityBlocks` only for a chain that lacks the tags `safe` and `finalized`. */
  constructor(rpc: JsonRpc, book: AddressBook, finalityBlocks?: number) {
    this.#rpc = rpc;
    this.#book = book;
    this.#finalityBlocks = finalityBlocks;
    this.#contracts = new RpcContracts(book);
  }

  get name(): string {
    return this.#rpc.name;
  }

  async identity(): Promise<ChainIdentity> {
    const [chainId, answer] = await this.#ask([['eth_chainId'], blockAt('0x0')]);
    const genesis = blockOf(answer);
    if (genesis === undefined) throw new ChainTrouble('missing-block', `${this.name} has no genesis block`);
    return { chainId: chainIdOf(chainId), genesis: { number: genesis.number, hash: genesis.hash } };
  }

  async heads(): Promise<Heads> {
    if (this.#finalityBlocks !== undefined) return this.#headsByDepth(this.#finalityBlocks);
    const [latest, safe, finalised] = (await this.#ask(['latest', 'safe', 'finalized'].map(blockAt))).map(blockOf);
    return this.#checked({ latest: this.#headOf(latest), safe: this.#headOf(safe), finalised: this.#headOf(finalised) });
  }

  async #headsByDepth(depth: number): Promise<Heads> {
    const [latestBlock] = (await this.#ask([blockAt('latest')])).map(blockOf);
    const latest = this.#headOf(latestBlock);
    const behind = (blocks: number): Hex => numberToHex(Math.max(0, latest.number - blocks));
    const [safe, finalised] = (await this.#ask([behind(Math.ceil(depth / 2)), behind(depth)].map(blockAt))).map(blockOf);
    return { latest, safe: this.#headOf(safe), finalised: this.#headOf(finalised) };
  }

  /** An endpoint that calls a block final which it does not have lies about one of both. */
  #checked(heads: Heads): Heads {
    const { latest, safe, finalised } = heads;
    if (finalised.number <= safe.number && safe.number <= latest.number) return heads;
    const numbers = `finalised ${finalised.number}, safe ${safe.number}, latest ${latest.number}`;
    throw new ChainTrouble('finality-beyond-latest', `${this.name} names heads that cannot be: ${numbers}`);
  }

  async header(number: number): Promise<Header | undefined> {
    const [answer] = await this.#ask([blockAt(numberToHex(number))]);
    const block = blockOf(answer);
    if (block !== undefined && block.number !== number) throw new ChainTrouble('answer-malformed', `${this.name} answered block ${block.number} for block ${number}`);
    return block === undefined ? undefined : this.#headOf(block);
  }

  follow(contracts: readonly string[]): void {
    this.#contracts.add(contracts);
  }

  async facts(asked: number, to: number): Promise<ChainFact[]> {
    // Whoever has nothing final yet asks from the genesis on, which is more than some endpoints answer.
    const from = Math.max(asked, Number(this.#book.fromBlock));
    if (from > to) return [];
    let logs = await readLogs(this.#rpc, from, to, this.#contracts.filters(), factTopics);
    // A pool's first logs may lie in the range that announces it, even in the same transaction.
    for (let fresh = this.#announced(logs); fresh.length > 0; ) {
      const more = await readLogs(this.#rpc, from, to, inChunks(fresh), factTopics);
      logs = [...logs, ...more].sort((a, b) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex);
      fresh = this.#announced(more);
    }
    return this.#factsOf(logs.filter((log) => this.#contracts.kindOf(log) !== undefined));
  }

  agree(): Promise<boolean> {
    return Promise.resolve(true);
  }

  async codes(block: BlockRef): Promise<Readonly<Record<string, string>> | undefined> {
    const { ofBook } = this.#contracts;
    const answers = await this.#atState(ofBook.map((address): RpcCall => ['eth_getCode', address, numberToHex(block.number)]));
    const hashOf = (answer: unknown): string => (answer === '0x' ? '' : keccak256(bytesOf('eth_getCode', answer)));
    return answers && Object.fromEntries(ofBook.map((address, at) => [address, hashOf(answers[at])]));
  }

  async totalStaked(block: BlockRef): Promise<bigint | undefined> {
    return (await this.totals(block, [{ name: 'staked' }]))?.[0];
  }

  async totals(block: BlockRef, wanted: readonly Total[]): Promise<readonly bigint[] | undefined> {
    const answers = await this.#atState(wanted.map((total): RpcCall => ['eth_call', callOf(this.#book, total), numberToHex(block.number)]));
    return answers?.map((answer) => numberOf(bytesOf('eth_call', answer)));
  }

  /** Calls on a block's state; undefined where the endpoint no longer keeps it: that of recent blocks only, its logs stay. */
  async #atState(calls: readonly RpcCall[]): Promise<unknown[] | undefined> {
    try {
      const answers: unknown[] = [];
      for (let at = 0; at < calls.length; at += CALLS_PER_BATCH) answers.push(...(await this.#rpc.batch(calls.slice(at, at + CALLS_PER_BATCH))));
      return answers;
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      if (error.rpcCode === REVERTED) throw new ChainTrouble('endpoint-refused', error.message);
      return undefined;
    }
  }

  async #ask(calls: readonly RpcCall[]): Promise<unknown[]> {
    try {
      return await this.#rpc.batch(calls);
    } catch (error) {
      if (error instanceof RpcError) throw new ChainTrouble('endpoint-refused', error.message);
      throw error;
    }
  }

  #headOf(block: RpcBlock | undefined): Header {
    if (block === undefined) throw new ChainTrouble('missing-block', `${this.name} has no such head yet`);
    const { number, hash, parentHash, logsBloom } = block;
    return { number, hash, parentHash, mayHoldFacts: this.#contracts.mayBeIn(logsBloom) };
  }

  /** Contracts that the logs announce and nobody has followed so far. */
  #announced(logs: readonly RpcLog[]): Hex[] {
    const pools = logs.flatMap((log) => {
      if (this.#contracts.kindOf(log) !== 'poolManager') return [];
      const fact = this.#decode('poolManager', log);
      return fact.kind === 'pool-created' ? [fact.pool] : [];
    });
    return this.#contracts.add(pools);
  }

  async #factsOf(logs: readonly RpcLog[]): Promise<ChainFact[]> {
    const hashes = [...new Set(logs.map(({ transactionHash }) => transactionHash))];
    const [receipts, times] = [await readReceipts(this.#rpc, hashes), await blockTimes(this.#rpc, logs)];
    const found = Map.groupBy(logs, ({ transactionHash }) => transactionHash);
    for (const [hash, its] of found) this.#checkReceipt(hash, receipts.get(hash), its.length);
    return logs.map((log): ChainFact => {
      const { blockNumber, blockHash, logIndex, transactionHash: txHash } = log;
      const ordinal = ordinalIn(receipts.get(txHash)!, log);
      const fact = this.#decode(this.#contracts.kindOf(log)!, log);
      return { blockNumber, blockHash, blockTimeMs: times.get(blockNumber)! * 1000, logIndex, txHash, ordinal, fact };
    });
  }

  /** The receipts show whether the answer holds all of a transaction's logs. */
  #checkReceipt(hash: Hex, receipt: RpcReceipt | undefined, found: number): void {
    const ours = receipt?.logs.filter((log) => this.#contracts.kindOf(log) !== undefined);
    if (ours?.length !== found) throw new RangeRefused(`${found} logs of transaction ${hash}, its receipt has ${ours?.length ?? 'none'}`, 'truncated-answer');
  }

  #decode(kind: ContractKind, log: RpcLog): ChainFact['fact'] {
    try {
      return decodeFact(this.#book.chainId, kind, log.address, log);
    } catch (error) {
      throw new ChainTrouble('answer-malformed', `${this.name}: a log of transaction ${log.transactionHash} cannot be read: ${(error as Error).message}`);
    }
  }
}

const blockAt = (at: string): RpcCall => ['eth_getBlockByNumber', at, false];
