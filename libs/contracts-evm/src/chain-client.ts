import { setTimeout as wait } from 'node:timers/promises';
import {
  createPublicClient,
  createWalletClient,
  defineChain,
  http,
  keccak256,
  toHex,
  TransactionNotFoundError,
  TransactionReceiptNotFoundError,
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
const MINED_MS_MAX = 60_000;
/** So many looks in a row that find neither a receipt nor the transaction: one of them may fall between pool and block. */
const MISSING_MAX = 5;

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

const unlessMissing = (error: unknown): undefined => {
  if (error instanceof TransactionNotFoundError || error instanceof TransactionReceiptNotFoundError) return undefined;
  throw error;
};

/**
 * Waits until `hash` is mined; throws when the transaction reverted, when nobody has mined it for a minute, and when the
 * chain does not know it any more: a devnet that is stopped keeps its blocks, but forgets what waits for one.
 */
export async function mined({ reader }: Pick<ChainClient, 'reader'>, hash: Hex): Promise<TransactionReceipt> {
  const until = performance.now() + MINED_MS_MAX;
  for (let missing = 0; ; await wait(POLLING_MS)) {
    const receipt = await reader.getTransactionReceipt({ hash }).catch(unlessMissing);
    if (receipt?.status === 'success') return receipt;
    if (receipt !== undefined) throw new Error(`transaction ${hash} reverted`);
    missing = (await reader.getTransaction({ hash }).catch(unlessMissing)) === undefined ? missing + 1 : 0;
    if (missing === MISSING_MAX) throw new Error(`the chain does not know transaction ${hash} any more`);
    if (performance.now() > until) throw new Error(`transaction ${hash} is not mined after ${MINED_MS_MAX / 1000} s`);
  }
}
