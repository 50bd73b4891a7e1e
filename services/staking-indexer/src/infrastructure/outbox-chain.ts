import { delegationPoolAbi, emissionAbi, federationTaskAbi, gmFlockAbi, poolManagerAbi, rewardsAbi, taskStakingAbi, type ChainEndpoint } from '@skein/contracts-evm';
import {
  BaseError, decodeErrorResult, decodeEventLog, encodeEventTopics, ExecutionRevertedError, numberToHex, type Abi, type Address, type BlockTag, type Hex, type PublicClient,
} from 'viem';
import { ChainTrouble } from '../application/chain-trouble.js';
import type { Call, ContractEvent, ContractRead, EventsOf, Receipt, Sent, TransactionChain } from '../application/outbox/ports.js';
import { firstFees, type Fees } from '../domain/outbox/fees.policy.js';
import type { Block, Refusal } from '../domain/outbox/outbox.events.js';
import { hiding } from './hidden-url.js';
import { JsonRpc } from './json-rpc.js';
import { logsIn, newestLogs, type LogFilter } from './outbox-logs.js';
import { readerOver, troubleOf } from './outbox-reader.js';
import { blockOf, calledOf, countOf, minedOf, type RpcBlock, type RpcLog } from './rpc-shapes.js';

/** Errors of whatever our calls go through. */
const errorsAbi = [taskStakingAbi, rewardsAbi, federationTaskAbi, emissionAbi, poolManagerAbi, delegationPoolAbi, gmFlockAbi]
  .flatMap((abi) => abi.filter(({ type }) => type === 'error')) as unknown as Abi;

const KNOWN = /already known|already imported|known transaction|nonce too low|alreadyknown|oldnonce/i;
const UNDERPRICED = /underpriced|less than block base fee|max fee per gas less|fee too low|feetoolow/i;

const atBlock = (block: number | 'latest'): { blockTag: BlockTag } | { blockNumber: bigint } => (block === 'latest' ? { blockTag: block } : { blockNumber: BigInt(block) });

const filterOf = ({ address, abi, eventName, args }: EventsOf): LogFilter => ({ address, topics: encodeEventTopics({ abi: abi as Abi, eventName, args } as never) });

function eventOf({ abi, eventName }: EventsOf, { topics, data, blockNumber: block, transactionHash: transaction }: RpcLog): ContractEvent {
  const { args } = decodeEventLog({ abi: abi as Abi, eventName, data, topics: topics as [Hex, ...Hex[]] }) as unknown as { args: Record<string, unknown> };
  return { args, block, transaction };
}

/**
 * A chain behind an Ethereum JSON-RPC endpoint, for sending. `finalised` says which block is final; default: the endpoint's tag.
 * Whatever goes wrong is thrown as a `RejectionError` that waiting may heal, without the endpoint's URL.
 */
export class RpcTransactionChain implements TransactionChain {
  readonly #rpc: JsonRpc;
  readonly #client: PublicClient;
  readonly #hide: (text: string) => string;
  readonly #finalised: (() => Promise<Block>) | undefined;
  readonly #fromBlock: number;

  /** `fromBlock`: before it there is no event of the contracts. */
  constructor({ rpcUrl, chainId }: ChainEndpoint, { finalised, fromBlock }: { readonly finalised?: () => Promise<Block>; readonly fromBlock?: bigint } = {}) {
    this.#rpc = new JsonRpc(rpcUrl);
    this.#hide = hiding(rpcUrl);
    this.#client = readerOver(this.#rpc, chainId);
    this.#finalised = finalised;
    this.#fromBlock = Number(fromBlock ?? 0n);
  }

  finalised(): Promise<Block> {
    return this.#asking(async () => {
      if (this.#finalised !== undefined) return this.#finalised();
      const { number, hash } = (await this.#block('finalized')) ?? none('final block');
      return { number, hash };
    });
  }

  blockHash(number: number): Promise<string | undefined> {
    return this.#asking(async () => {
      const found = await this.#block(numberToHex(number));
      return found === undefined || found.number === number ? found?.hash : none(`block ${number}, but ${found.number}`);
    });
  }

  async #block(which: Hex | BlockTag): Promise<RpcBlock | undefined> {
    return blockOf(await this.#rpc.call('eth_getBlockByNumber', which, false));
  }

  nonceAt(account: Address, block: number | 'latest'): Promise<number> {
    return this.#asking(async () => countOf('nonce', await this.#rpc.call('eth_getTransactionCount', account, block === 'latest' ? block : numberToHex(block))));
  }

  receipt(hash: Hex): Promise<Receipt | undefined> {
    return this.#asking(async () => {
      const found = minedOf(await this.#rpc.call('eth_getTransactionReceipt', hash), hash);
      return found && { block: { number: found.blockNumber, hash: found.blockHash }, succeeded: found.succeeded };
    });
  }

  send(raw: Hex): Promise<Sent> {
    return this.#asking(async () => {
      try {
        await this.#client.sendRawTransaction({ serializedTransaction: raw });
        return 'taken';
      } catch (error) {
        const message = error instanceof BaseError ? `${error.shortMessage} ${error.details}` : '';
        if (KNOWN.test(message)) return 'taken';
        if (UNDERPRICED.test(message)) return 'underpriced';
        throw error;
      }
    });
  }

  fees(): Promise<Fees> {
    return this.#asking(async () => {
      const { baseFeePerGas } = await this.#client.getBlock({ blockTag: 'latest' });
      const tip = await this.#client.estimateMaxPriorityFeePerGas();
      return firstFees(baseFeePerGas ?? 0n, tip);
    });
  }

  dryRun(from: Address, { to, data }: Call): Promise<{ gas: bigint } | { refusal: Refusal }> {
    return this.#asking(async () => {
      try {
        const gas = await this.#client.estimateGas({ account: from, to, data });
        // Other transactions may come first and cost this one more than it would cost now.
        return { gas: gas + gas / 4n + 10_000n };
      } catch (error) {
        const refusal = refusalOf(error);
        if (refusal === undefined) throw error;
        return { refusal };
      }
    });
  }

  read({ address, abi, functionName, args }: ContractRead, block: number | 'latest'): Promise<unknown> {
    return this.#asking(() => this.#client.readContract({ address, abi: abi as Abi, functionName, args: args as unknown[], ...atBlock(block) }));
  }

  newestEvent(of: EventsOf, block: number | 'latest'): Promise<ContractEvent | undefined> {
    return this.#asking(async () => {
      const to = block === 'latest' ? countOf('latest block', await this.#rpc.call('eth_blockNumber')) : block;
      const newest = (await newestLogs(this.#rpc, filterOf(of), this.#fromBlock, to)).at(-1);
      return newest && eventOf(of, newest);
    });
  }

  eventsIn(of: EventsOf, block: number): Promise<ContractEvent[]> {
    return this.#asking(async () => (await logsIn(this.#rpc, filterOf(of), block)).map((log) => eventOf(of, log)));
  }

  callOf(transaction: Hex): Promise<{ to: string; data: string }> {
    return this.#asking(async () => calledOf(await this.#rpc.call('eth_getTransactionByHash', transaction), transaction));
  }

  async #asking<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw troubleOf(error, this.#rpc.name, this.#hide);
    }
  }
}

function none(what: string): never {
  throw new ChainTrouble('answer-malformed', `there is no ${what}`);
}

/** The contract's own refusal; undefined where the endpoint failed instead. */
function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof BaseError)) return undefined;
  const data = revertData(error);
  const reverted = data !== undefined || error.walk((cause) => cause instanceof ExecutionRevertedError) !== null;
  if (!reverted) return undefined;
  if (data === undefined || data === '0x') return { error: 'unknown', message: 'it reverts without saying why' };
  try {
    const { errorName, args } = decodeErrorResult({ abi: errorsAbi, data });
    return { error: errorName, message: `${errorName}(${(args ?? []).map(String).join(', ')})` };
  } catch {
    return { error: 'unknown', message: `it reverts with ${data.slice(0, 138)}` };
  }
}

function revertData(error: BaseError): Hex | undefined {
  const holder = error.walk((cause) => typeof (cause as { data?: unknown }).data === 'string') as { data?: unknown } | null;
  const data = holder?.data;
  return typeof data === 'string' && data.startsWith('0x') ? (data as Hex) : undefined;
}
