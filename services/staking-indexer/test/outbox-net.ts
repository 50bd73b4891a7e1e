import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chainClient, deployAll, devAccount, devKey, flockAbi, fundGas, gmFlockAbi, lockFlock, mined, mintFlock, type AddressBook, type ChainClient, type DeployOptions } from '@skein/contracts-evm';
import { startAnvil, type Anvil } from '@skein/embedded';
import { createTestClient, http, keccak256, toHex, type Abi, type Address, type Hex, type TestClient } from 'viem';

/** The time that service identities are checked by. */
export const systemClock = { nowMs: (): number => Date.now() };

/** A devnet with all contracts, whose roles for what services decide belong to one account with a key file. Mines only what it is told. */
export class OutboxNet {
  readonly anvil: Anvil;
  readonly book: AddressBook;
  readonly admin: ChainClient;
  readonly time: TestClient;
  readonly signer: Address;
  readonly key: Hex;
  readonly folder: string;
  readonly keyFile: string;

  private constructor(anvil: Anvil, book: AddressBook, admin: ChainClient, label: string) {
    this.anvil = anvil;
    this.book = book;
    this.admin = admin;
    this.time = createTestClient({ mode: 'anvil', transport: http(anvil.rpcUrl) });
    this.signer = devAccount('outbox', label).address.toLowerCase() as Address;
    this.key = devKey('outbox', label);
    this.folder = mkdtempSync(join(tmpdir(), 'skein-outbox-'));
    this.keyFile = join(this.folder, 'key');
    writeFileSync(this.keyFile, `${this.key}\n`, { mode: 0o600 });
  }

  /** `blockTimeSeconds`: blocks come by themselves, too. */
  static async start(options: DeployOptions = {}, blockTimeSeconds = 0): Promise<OutboxNet> {
    const anvil = await startAnvil({ blockTimeSeconds, statesKept: 64 });
    const admin = chainClient(anvil, devAccount('outbox', 'admin'));
    const { address } = devAccount('outbox', 'signer');
    await fundGas(anvil, [admin.address, address]);
    const book = await deployAll(admin, { operator: address, rewardOperator: address, caseOperator: address, ...options });
    await anvil.mine(3);
    return new OutboxNet(anvil, book, admin, 'signer');
  }

  async client(label: string): Promise<ChainClient> {
    const client = chainClient(this.anvil, devAccount('outbox', label));
    await fundGas(this.anvil, [client.address]);
    return client;
  }

  read(contract: keyof AddressBook, abi: Abi | readonly unknown[], functionName: string, ...args: unknown[]): Promise<unknown> {
    return this.admin.reader.readContract({ address: this.book[contract] as Address, abi: abi as Abi, functionName, args });
  }

  /** Calls a contract as `client` and waits until it is mined. */
  async call(client: ChainClient, contract: keyof AddressBook, abi: Abi | readonly unknown[], functionName: string, ...args: unknown[]): Promise<void> {
    await mined(client, await client.wallet.writeContract({ address: this.book[contract] as Address, abi: abi as Abi, functionName, args }));
  }

  /** Gives the administrator, or another account, one more role. */
  grant(contract: keyof AddressBook, role: string, account: Address = this.admin.address): Promise<void> {
    return this.call(this.admin, contract, flockAbi, 'grantRole', keccak256(toHex(role)), account);
  }

  /** The key file of another account. */
  keyFileOf(label: string): string {
    const file = join(this.folder, label);
    writeFileSync(file, devKey('outbox', label), { mode: 0o600 });
    return file;
  }

  /** Gives an account gmFLOCK that a contract may take. */
  async hold(client: ChainClient, amount: bigint, spender: Address): Promise<void> {
    await mintFlock(this.admin, this.book, client.address, amount);
    await lockFlock(client, this.book, { amount, lockSeconds: 0n });
    await this.call(client, 'gmFlock', gmFlockAbi, 'approve', spender, amount);
  }

  /** How many transactions of the signer the chain holds. */
  sent(): Promise<number> {
    return this.admin.reader.getTransactionCount({ address: this.signer });
  }

  /** A call of the devnet's own. */
  async devnet(method: string, ...params: unknown[]): Promise<void> {
    await (this.time.request as (call: { method: string; params: unknown[] }) => Promise<unknown>)({ method, params });
  }

  /** Blocks as transactions come, or only when told. */
  async automine(on: boolean): Promise<void> {
    await this.time.setAutomine(on);
  }

  async stop(): Promise<void> {
    await this.anvil.stop();
    rmSync(this.folder, { recursive: true });
  }
}
