import {
  chainClient,
  delegationPoolAbi,
  deployAll,
  devAccount,
  emissionAbi,
  fundGas,
  gmExchangeAbi,
  gmFlockAbi,
  leafOf,
  lockFlock,
  mined,
  mintFlock,
  openTask,
  poolManagerAbi,
  rewardsAbi,
  roleNumber,
  taskKey,
  taskStakingAbi,
  type AddressBook,
  type ChainClient,
  type StakeRole,
} from '@skein/contracts-evm';
import { startAnvil, type Anvil } from '@skein/embedded';
import { createTestClient, http, maxUint256, parseEventLogs, zeroHash, type Abi, type Address, type Hex, type TestClient, type TransactionReceipt } from 'viem';

const DAY = 86_400n;
export const TOKEN = 10n ** 18n;

interface Call {
  readonly address: Address;
  readonly abi: Abi;
  readonly functionName: string;
  readonly args?: readonly unknown[];
}

/** All contracts on a devnet whose clock is moved by hand, with production's times. */
export class PoolChain {
  readonly anvil: Anvil;
  readonly book: AddressBook;
  readonly admin: ChainClient;
  readonly test: TestClient;

  private constructor(anvil: Anvil, book: AddressBook, admin: ChainClient) {
    [this.anvil, this.book, this.admin] = [anvil, book, admin];
    this.test = createTestClient({ mode: 'anvil', transport: http(anvil.rpcUrl) });
  }

  static async start(): Promise<PoolChain> {
    const anvil = await startAnvil({ blockTimeSeconds: 0, statesKept: 512 });
    const admin = chainClient(anvil, devAccount('pools', 'admin'));
    await fundGas(anvil, [admin.address]);
    const times = { appealSeconds: 7n * DAY, unbondingSeconds: 10n * DAY, exitSeconds: 10n * DAY, coolDownSeconds: DAY };
    const book = await deployAll(admin, { ...times, sigmaNoticeSeconds: 10n * DAY, sigmaIntervalSeconds: 30n * DAY, sigmaFreezeSeconds: 2n * DAY });
    return new PoolChain(anvil, book, admin);
  }

  /** An account with gas and gmFLOCK that all our contracts may take. */
  async holder(label: string, gm: bigint): Promise<ChainClient> {
    const client = chainClient(this.anvil, devAccount('pools', label));
    await fundGas(this.anvil, [client.address]);
    await mintFlock(this.admin, this.book, client.address, gm);
    await lockFlock(client, this.book, { amount: gm, lockSeconds: 0n });
    for (const spender of [this.book.taskStaking, this.book.federationTask]) await this.approve(client, spender);
    return client;
  }

  approve(client: ChainClient, spender: Address): Promise<TransactionReceipt> {
    return this.send(client, { address: this.book.gmFlock, abi: gmFlockAbi, functionName: 'approve', args: [spender, maxUint256] });
  }

  async send(client: ChainClient, call: Call): Promise<TransactionReceipt> {
    return mined(client, await client.wallet.writeContract(call as never));
  }

  read<T>(call: Call, blockNumber?: bigint): Promise<T> {
    return this.admin.reader.readContract({ ...call, ...(blockNumber === undefined ? {} : { blockNumber }) } as never) as Promise<T>;
  }

  async open(taskId: string, days: bigint): Promise<void> {
    await openTask(this.admin, this.book, taskId, Number((await this.now()) + days * DAY) * 1000);
  }

  stake(client: ChainClient, taskId: string, role: StakeRole, amount: bigint): Promise<TransactionReceipt> {
    return this.send(client, { address: this.book.taskStaking, abi: taskStakingAbi, functionName: 'stake', args: [taskKey(taskId), roleNumber(role), amount] });
  }

  async createPool(owner: ChainClient, sigma: number): Promise<Address> {
    const receipt = await this.send(owner, { address: this.book.poolManager, abi: poolManagerAbi, functionName: 'createPool', args: [sigma] });
    const [made] = parseEventLogs({ abi: poolManagerAbi, eventName: 'PoolCreated', logs: receipt.logs });
    return made!.args.pool.toLowerCase() as Address;
  }

  pool(client: ChainClient, address: Address, functionName: string, ...args: readonly unknown[]): Promise<TransactionReceipt> {
    return this.send(client, { address, abi: delegationPoolAbi, functionName, args });
  }

  async now(): Promise<bigint> {
    return (await this.admin.reader.getBlock()).timestamp;
  }

  epoch(): Promise<bigint> {
    return this.read({ address: this.book.emission, abi: emissionAbi, functionName: 'currentEpoch' });
  }

  /** To one second after the beginning of the epoch that is `ahead` of the present one. */
  async skipEpochs(ahead: bigint): Promise<void> {
    const genesis = await this.read<bigint>({ address: this.book.emission, abi: emissionAbi, functionName: 'genesis' });
    const timestamp = genesis + ((await this.epoch()) + ahead) * DAY + 1n;
    await this.test.setNextBlockTimestamp({ timestamp });
    await this.test.mine({ blocks: 1 });
  }

  mint(epoch: bigint): Promise<TransactionReceipt> {
    return this.send(this.admin, { address: this.book.emission, abi: emissionAbi, functionName: 'mint', args: [epoch] });
  }

  /** A root of one leaf, which grants `account` `total` at once. */
  async postRoot(epoch: bigint, account: Address, total: bigint): Promise<void> {
    const hash = leafOf({ chainId: this.anvil.chainId, rewards: this.book.rewards }, this.#grant(account, total));
    await this.send(this.admin, { address: this.book.rewards, abi: rewardsAbi, functionName: 'postRoot', args: [epoch, hash, total] });
  }

  claimRoot(epoch: bigint, account: Address, total: bigint): Promise<TransactionReceipt> {
    return this.send(this.admin, { address: this.book.rewards, abi: rewardsAbi, functionName: 'claim', args: [epoch, this.#grant(account, total), []] });
  }

  staking(functionName: string, ...args: readonly unknown[]): Promise<TransactionReceipt> {
    return this.send(this.admin, { address: this.book.taskStaking, abi: taskStakingAbi, functionName, args });
  }

  lockOf(id: bigint, block: bigint): Promise<{ amountRemaining: bigint; gmRemaining: bigint }> {
    return this.read({ address: this.book.gmExchange, abi: gmExchangeAbi, functionName: 'lockOf', args: [id] }, block);
  }

  /** Drops the newest blocks with what is in them. */
  async dropBlocks(depth: number): Promise<void> {
    const request = this.admin.reader.request as (call: { method: string; params: unknown[] }) => Promise<unknown>;
    await request({ method: 'anvil_reorg', params: [depth, []] });
  }

  #grant(account: Address, total: bigint): { account: Address; stream: Hex; total: bigint; start: bigint; duration: bigint } {
    return { account, stream: zeroHash, total, start: 0n, duration: 0n };
  }
}
