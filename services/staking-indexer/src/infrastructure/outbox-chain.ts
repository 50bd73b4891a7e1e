import { chainReader, delegationPoolAbi, emissionAbi, federationTaskAbi, gmFlockAbi, poolManagerAbi, rewardsAbi, taskStakingAbi, type ChainEndpoint } from '@skein/contracts-evm';
import { BaseError, BlockNotFoundError, decodeErrorResult, ExecutionRevertedError, TransactionReceiptNotFoundError, type Abi, type Address, type BlockTag, type Hex, type PublicClient } from 'viem';
import type { Call, ContractEvent, ContractRead, Receipt, Sent, TransactionChain } from '../application/outbox/ports.js';
import { firstFees, type Fees } from '../domain/outbox/fees.policy.js';
import type { Block, Refusal } from '../domain/outbox/outbox.events.js';

/** Errors of whatever our calls go through. */
const errorsAbi = [taskStakingAbi, rewardsAbi, federationTaskAbi, emissionAbi, poolManagerAbi, delegationPoolAbi, gmFlockAbi]
  .flatMap((abi) => abi.filter(({ type }) => type === 'error')) as unknown as Abi;

const KNOWN = /already known|already imported|known transaction|nonce too low|alreadyknown|oldnonce/i;
const UNDERPRICED = /underpriced|less than block base fee|max fee per gas less|fee too low|feetoolow/i;

const atBlock = (block: number | 'latest'): { blockTag: BlockTag } | { blockNumber: bigint } => (block === 'latest' ? { blockTag: block } : { blockNumber: BigInt(block) });

/** A chain behind an Ethereum JSON-RPC endpoint, for sending. `finalised` says which block is final; default: the endpoint's tag. */
export class RpcTransactionChain implements TransactionChain {
  readonly #client: PublicClient;
  readonly #finalised: (() => Promise<Block>) | undefined;
  readonly #fromBlock: bigint;

  /** `fromBlock`: before it there is no event of the contracts. */
  constructor(endpoint: ChainEndpoint, { finalised, fromBlock }: { readonly finalised?: () => Promise<Block>; readonly fromBlock?: bigint } = {}) {
    this.#client = chainReader(endpoint);
    this.#finalised = finalised;
    this.#fromBlock = fromBlock ?? 0n;
  }

  async finalised(): Promise<Block> {
    if (this.#finalised !== undefined) return this.#finalised();
    const { number, hash } = await this.#client.getBlock({ blockTag: 'finalized' });
    return { number: Number(number), hash };
  }

  async blockHash(number: number): Promise<string | undefined> {
    try {
      return (await this.#client.getBlock({ blockNumber: BigInt(number) })).hash ?? undefined;
    } catch (error) {
      if (error instanceof BlockNotFoundError) return undefined;
      throw error;
    }
  }

  nonceAt(account: Address, block: number | 'latest'): Promise<number> {
    return this.#client.getTransactionCount({ address: account, ...atBlock(block) });
  }

  async receipt(hash: Hex): Promise<Receipt | undefined> {
    try {
      const { blockNumber, blockHash, status } = await this.#client.getTransactionReceipt({ hash });
      return { block: { number: Number(blockNumber), hash: blockHash }, succeeded: status === 'success' };
    } catch (error) {
      if (error instanceof TransactionReceiptNotFoundError) return undefined;
      throw error;
    }
  }

  async send(raw: Hex): Promise<Sent> {
    try {
      await this.#client.sendRawTransaction({ serializedTransaction: raw });
      return 'taken';
    } catch (error) {
      const message = error instanceof BaseError ? `${error.message} ${error.details}` : String(error);
      if (KNOWN.test(message)) return 'taken';
      if (UNDERPRICED.test(message)) return 'underpriced';
      throw error;
    }
  }

  async fees(): Promise<Fees> {
    const { baseFeePerGas } = await this.#client.getBlock({ blockTag: 'latest' });
    const tip = await this.#client.estimateMaxPriorityFeePerGas();
    return firstFees(baseFeePerGas ?? 0n, tip);
  }

  async dryRun(from: Address, { to, data }: Call): Promise<{ gas: bigint } | { refusal: Refusal }> {
    try {
      const gas = await this.#client.estimateGas({ account: from, to, data });
      // Other transactions may come first and cost this one more than it would cost now.
      return { gas: gas + gas / 4n + 10_000n };
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === undefined) throw error;
      return { refusal };
    }
  }

  read({ address, abi, functionName, args }: ContractRead, block: number | 'latest'): Promise<unknown> {
    return this.#client.readContract({ address, abi: abi as Abi, functionName, args: args as unknown[], ...atBlock(block) });
  }

  async events({ address, abi, eventName, args }: Parameters<TransactionChain['events']>[0], block: number | 'latest'): Promise<ContractEvent[]> {
    const toBlock = block === 'latest' ? block : BigInt(block);
    const found = await this.#client.getContractEvents({ address, abi: abi as Abi, eventName, args, fromBlock: this.#fromBlock, toBlock } as never) as unknown as { args: Record<string, unknown>; transactionHash: Hex }[];
    return Promise.all(found.map(async ({ args: decoded, transactionHash: hash }) => {
      const { to, input } = await this.#client.getTransaction({ hash });
      return { args: decoded, call: { to: (to ?? '').toLowerCase(), data: input } };
    }));
  }
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
