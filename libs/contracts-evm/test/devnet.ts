import { startAnvil, type Anvil } from '@skein/embedded';
import { createTestClient, http, parseEther, type Address, type TestClient } from 'viem';
import {
  chainClient,
  deployAll,
  devAccount,
  fundGas,
  mintFlock,
  type AddressBook,
  type ChainClient,
  type DeployOptions,
} from '../src/index.js';

/** A devnet with the contracts on it and accounts by label that hold gas. */
export interface Devnet {
  readonly anvil: Anvil;
  readonly book: AddressBook;
  readonly admin: ChainClient;
  readonly time: TestClient;
  account(label: string, flock?: bigint): Promise<ChainClient>;
}

export const TREASURY: Address = '0x00000000000000000000000000000000000fee5a';

export async function devnet(options: DeployOptions = {}): Promise<Devnet> {
  const anvil = await startAnvil({ blockTimeSeconds: 0 });
  const client = async (label: string): Promise<ChainClient> => {
    const made = chainClient(anvil, devAccount('contracts', label));
    await fundGas(anvil, [made.address]);
    return made;
  };
  const admin = await client('admin');
  const book = await deployAll(admin, { treasury: TREASURY, ...options });
  const account = async (label: string, flock = 0n): Promise<ChainClient> => {
    const made = await client(label);
    if (flock > 0n) await mintFlock(admin, book, made.address, flock);
    return made;
  };
  return { anvil, book, admin, time: createTestClient({ mode: 'anvil', transport: http(anvil.rpcUrl) }), account };
}

export const tokens = (amount: number | string): bigint => parseEther(String(amount));
