import { AT_ONCE, chainClient, deployAll, devAccount, fundGas, leafOf, lockFlock, mined, mintFlock, openTask, taskKey, type AddressBook, type ChainClient, type Grant } from '@skein/contracts-evm';
import { startAnvil, type Anvil } from '@skein/embedded';
import { concatHex, createTestClient, encodeFunctionData, http, keccak256, maxUint256, toHex, type Abi, type Address, type Hex, type TestClient } from 'viem';

export const TOKEN = 10n ** 18n;
export const DAY_SECONDS = 86_400;
export const TASK = '0192f0c1-2b3c-7def-8123-456789abcdef';
export const OTHER_TASK = '0192f0c1-2b3c-7def-8123-456789abcde0';

/** One call: to what, and which. */
export interface Call {
  readonly address: Address;
  readonly abi: Abi;
  readonly functionName: string;
  readonly args: readonly unknown[];
}

/** A devnet with all contracts, timed as in production, whose clock is moved. */
export class Stage {
  readonly anvil: Anvil;
  readonly admin: ChainClient;
  readonly book: AddressBook;
  readonly #time: TestClient;

  private constructor(anvil: Anvil, admin: ChainClient, book: AddressBook) {
    this.anvil = anvil;
    this.admin = admin;
    this.book = book;
    this.#time = createTestClient({ mode: 'anvil', transport: http(anvil.rpcUrl) });
  }

  static async start(): Promise<Stage> {
    const anvil = await startAnvil({ blockTimeSeconds: 0, statesKept: 16 });
    const admin = await clientOf(anvil, 'admin');
    const stage = new Stage(anvil, admin, await deployAll(admin, { appealSeconds: BigInt(7 * DAY_SECONDS) }));
    const end = (Number((await admin.reader.getBlock()).timestamp) + 100 * DAY_SECONDS) * 1000;
    for (const task of [TASK, OTHER_TASK]) await openTask(admin, stage.book, task, end);
    return stage;
  }

  /** A wallet with FLOCK and gmFLOCK, which the contracts may take. */
  async person(label: string): Promise<ChainClient> {
    const client = await clientOf(this.anvil, label);
    const { book } = this;
    await mintFlock(this.admin, book, client.address, 20_000n * TOKEN);
    await lockFlock(client, book, { amount: 10_000n * TOKEN, lockSeconds: 0n });
    await this.send(client, approval(book.flock, book.gmExchange));
    for (const spender of [book.taskStaking, book.federationTask]) await this.send(client, approval(book.gmFlock, spender));
    return client;
  }

  /** Sends a call and answers with the gas that its receipt says. */
  async send(client: ChainClient, { address, ...call }: Call): Promise<bigint> {
    const hash = await client.wallet.sendTransaction({ to: address, data: encodeFunctionData(call) });
    return (await mined(client, hash)).gasUsed;
  }

  /** Name and version of the chain's software. */
  version(): Promise<string> {
    return this.admin.reader.request({ method: 'web3_clientVersion' } as never);
  }

  /** Lets time pass, to a new block. */
  async pass(seconds: number): Promise<void> {
    await this.#time.increaseTime({ seconds });
    await this.#time.mine({ blocks: 1 });
  }

  stop(): Promise<void> {
    return this.anvil.stop();
  }
}

async function clientOf(anvil: Anvil, label: string): Promise<ChainClient> {
  const client = chainClient(anvil, devAccount('bench', label));
  await fundGas(anvil, [client.address]);
  return client;
}

const APPROVE = [{ type: 'function', name: 'approve', stateMutability: 'nonpayable', inputs: [{ name: 'spender', type: 'address' }, { name: 'amount', type: 'uint256' }], outputs: [] }] as const;

/** The whole balance may be taken by `spender`. */
export const approval = (token: Address, spender: Address): Call => ({ address: token, abi: APPROVE, functionName: 'approve', args: [spender, maxUint256] });

/** Key of a task on chain. */
export const keyOf = taskKey;

/** A root and a proof of `depth` siblings for `total` base units that are paid at once. */
export function treeOf(account: Address, total: bigint, book: AddressBook, depth: number): { grant: Grant; root: Hex; proof: Hex[] } {
  const grant: Grant = { account, stream: AT_ONCE, total, start: 0n, duration: 0n };
  const proof = Array.from({ length: depth }, (_, level) => keccak256(toHex(`sibling ${level} of ${account} ${total}`)));
  const root = proof.reduce((node, sibling) => keccak256(node < sibling ? concatHex([node, sibling]) : concatHex([sibling, node])), leafOf(book, grant));
  return { grant, root, proof };
}
