import {
  chainClient,
  delegationPoolAbi,
  deployAll,
  devAccount,
  fundGas,
  gmFlockAbi,
  lockFlock,
  mined,
  mintFlock,
  openTask,
  poolManagerAbi,
  roleNumber,
  taskKey,
  taskStakingAbi,
  type AddressBook,
  type ChainClient,
  type StakeRole,
} from '@skein/contracts-evm';
import { startAnvil, type Anvil } from '@skein/embedded';
import { eventually } from '@skein/testing';
import { createTestClient, encodeFunctionData, http, maxUint256, parseGwei, type Hex, type TestClient } from 'viem';

export const TASK = '0192f0c1-2b3c-7def-8123-456789abcdef';
export const OTHER_TASK = '0192f0c1-2b3c-7def-8123-456789abcde0';

/** A devnet takes a while for long forks on a busy machine. */
const CHANGE_MS_MAX = 120_000;

/**
 * What changes a devnet is asked for once: a request whose answer was late would else be repeated, and a fork that is begun
 * twice leaves final blocks.
 */
export const changingClient = (rpcUrl: string): TestClient =>
  createTestClient({ mode: 'anvil', transport: http(rpcUrl, { retryCount: 0, timeout: CHANGE_MS_MAX }) });

/** A devnet with our contracts, two open tasks and stakers. Mines only what it is told. */
export class TestChain {
  readonly anvil: Anvil;
  readonly book: AddressBook;
  readonly admin: ChainClient;
  readonly test: TestClient;

  private constructor(anvil: Anvil, book: AddressBook, admin: ChainClient) {
    this.anvil = anvil;
    this.book = book;
    this.admin = admin;
    this.test = changingClient(anvil.rpcUrl);
  }

  static async start(): Promise<TestChain> {
    return TestChain.over(await startAnvil({ blockTimeSeconds: 0, statesKept: 64 }));
  }

  /** On a devnet that may hold the contracts and tasks already. */
  static async over(anvil: Anvil): Promise<TestChain> {
    const admin = chainClient(anvil, devAccount('indexer', 'admin'));
    await fundGas(anvil, [admin.address]);
    const book = await deployAll(admin);
    const chain = new TestChain(anvil, book, admin);
    const { timestamp } = await admin.reader.getBlock();
    for (const task of [TASK, OTHER_TASK]) await openTask(admin, book, task, (Number(timestamp) + 86_400) * 1000);
    return chain;
  }

  /** An account with gas and `gm` base units of gmFLOCK that the staking contract may take. */
  async staker(label: string, gm: bigint): Promise<ChainClient> {
    const client = chainClient(this.anvil, devAccount('indexer', label));
    await fundGas(this.anvil, [client.address]);
    await mintFlock(this.admin, this.book, client.address, gm);
    await lockFlock(client, this.book, { amount: gm, lockSeconds: 0n });
    const args = [this.book.taskStaking, maxUint256] as const;
    const call = { address: this.book.gmFlock, abi: gmFlockAbi, functionName: 'approve', args } as const;
    await mined(client, await client.wallet.writeContract(call));
    return client;
  }

  /** Stakes in a block of its own, which is mined when this returns. */
  async stake(client: ChainClient, amount: bigint, taskId = TASK, role: StakeRole = 'node'): Promise<void> {
    const args = [taskKey(taskId), roleNumber(role), amount] as const;
    const call = { address: this.book.taskStaking, abi: taskStakingAbi, functionName: 'stake', args } as const;
    await mined(client, await client.wallet.writeContract(call));
  }

  /** A signed stake that nobody has sent yet: for putting it into blocks by hand. Default: the account's next nonce. */
  async signedStake(client: ChainClient, amount: bigint, { nonce }: { readonly nonce?: number } = {}): Promise<Hex> {
    const next = nonce ?? (await client.reader.getTransactionCount({ address: client.address }));
    const data = encodeFunctionData({ abi: taskStakingAbi, functionName: 'stake', args: [taskKey(TASK), 0, amount] });
    return client.wallet.signTransaction({
      to: this.book.taskStaking,
      data,
      nonce: next,
      gas: 500_000n,
      maxFeePerGas: parseGwei('20'),
      maxPriorityFeePerGas: 0n,
    });
  }

  /** Sends a signed transaction; the block that it was mined in. The devnet answers before it has mined: until then nonce and height are the old ones. */
  async sendRaw({ reader }: ChainClient, raw: Hex): Promise<number> {
    const hash = (await this.#change('eth_sendRawTransaction', raw)) as Hex;
    const receipt = await eventually(() => reader.getTransactionReceipt({ hash }), { everyMs: 2 });
    if (receipt.status !== 'success') throw new Error(`transaction ${hash} reverted in block ${receipt.blockNumber}`);
    return Number(receipt.blockNumber);
  }

  /** Opens a pool of the account's; its address. */
  async createPool(owner: ChainClient): Promise<Hex> {
    const call = { address: this.book.poolManager, abi: poolManagerAbi } as const;
    await mined(owner, await owner.wallet.writeContract({ ...call, functionName: 'createPool', args: [400_000] }));
    return (await owner.reader.readContract({ ...call, functionName: 'poolOf', args: [owner.address] })).toLowerCase() as Hex;
  }

  async delegate(client: ChainClient, pool: Hex, amount: bigint): Promise<void> {
    await mined(client, await client.wallet.writeContract({ address: this.book.gmFlock, abi: gmFlockAbi, functionName: 'approve', args: [pool, maxUint256] }));
    await mined(client, await client.wallet.writeContract({ address: pool, abi: delegationPoolAbi, functionName: 'delegate', args: [amount] }));
  }

  /** Transactions of an account up to a block. */
  nonceAt(client: ChainClient, block: number): Promise<number> {
    return client.reader.getTransactionCount({ address: client.address, blockNumber: BigInt(block) });
  }

  /** What the contract holds of an account's stake as node after a block. */
  stakeAt(client: ChainClient, block: number): Promise<bigint> {
    const args = [taskKey(TASK), 0, client.address] as const;
    return client.reader.readContract({ address: this.book.taskStaking, abi: taskStakingAbi, functionName: 'stakeOf', args, blockNumber: BigInt(block) });
  }

  /** Empty blocks, however many, by one request. */
  async mineAtOnce(blocks: number): Promise<void> {
    await this.test.mine({ blocks });
  }

  /** Replaces the newest `depth` blocks; each transaction goes into the block at its index among the new ones. */
  async reorg(depth: number, transactions: readonly (readonly [Hex, number])[] = []): Promise<void> {
    await this.#change('anvil_reorg', depth, transactions);
  }

  async rollback(depth: number): Promise<void> {
    await this.#change('anvil_rollback', depth);
  }

  #change(method: string, ...params: unknown[]): Promise<unknown> {
    const request = this.test.request as (call: { method: string; params: unknown[] }) => Promise<unknown>;
    return request({ method, params });
  }

  height(): Promise<bigint> {
    return this.admin.reader.getBlockNumber({ cacheTime: 0 });
  }
}
