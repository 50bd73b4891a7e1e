import {
  createPublicClient,
  createWalletClient,
  defineChain,
  http,
  keccak256,
  toHex,
  type Account,
  type Address,
  type Chain,
  type Hex,
  type PublicClient,
  type TransactionReceipt,
  type Transport,
  type WalletClient,
} from 'viem';
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';

/** One account's way to a chain: reads and signed transactions. */
export interface ChainClient {
  readonly reader: PublicClient;
  readonly wallet: WalletClient<Transport, Chain, Account>;
  readonly address: Address;
}

/** How to reach a chain. */
export interface ChainEndpoint {
  readonly rpcUrl: string;
  readonly chainId: number;
}

/** How often a receipt is asked for: a devnet mines a transaction as it arrives. */
const POLLING_MS = 100;

const chainOf = ({ rpcUrl, chainId }: ChainEndpoint): Chain =>
  defineChain({
    id: chainId,
    name: `eip155:${chainId}`,
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [rpcUrl] } },
  });

/** A client that only reads. */
export const chainReader = (endpoint: ChainEndpoint): PublicClient =>
  createPublicClient({ chain: chainOf(endpoint), transport: http(endpoint.rpcUrl), pollingInterval: POLLING_MS });

/** A client that reads and signs with `account`. One account's transactions must be sent one after the other. */
export const chainClient = (endpoint: ChainEndpoint, account: PrivateKeyAccount): ChainClient => ({
  reader: chainReader(endpoint),
  wallet: createWalletClient({
    chain: chainOf(endpoint),
    transport: http(endpoint.rpcUrl),
    account,
    pollingInterval: POLLING_MS,
  }),
  address: account.address.toLowerCase() as Address,
});

/** Private key of `devAccount`. */
export const devKey = (seed: string, label: string): Hex => keccak256(toHex(`skein.devnet.account\n${seed}\n${label}`));

/**
 * A devnet account that follows from a seed and a label, so that every run with that seed has the same wallets. Worth
 * nothing anywhere else.
 */
export const devAccount = (seed: string, label: string): PrivateKeyAccount => privateKeyToAccount(devKey(seed, label));

/** Gives accounts 1 000 ETH for gas. Works on anvil only. */
export async function fundGas(endpoint: ChainEndpoint, addresses: readonly Address[]): Promise<void> {
  const client = chainReader(endpoint);
  const request = client.request as (call: { method: string; params: unknown[] }) => Promise<unknown>;
  for (const address of addresses) await request({ method: 'anvil_setBalance', params: [address, toHex(10n ** 21n)] });
}

/** Waits until `hash` is mined; throws when the transaction reverted. */
export async function mined(client: ChainClient, hash: Hex): Promise<TransactionReceipt> {
  const receipt = await client.reader.waitForTransactionReceipt({ hash, timeout: 60_000 });
  if (receipt.status !== 'success') throw new Error(`transaction ${hash} reverted`);
  return receipt;
}
