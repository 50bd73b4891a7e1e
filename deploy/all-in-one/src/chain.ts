import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chainClient, chainReader, deployAll, devAccount, formatAddressBook, fundGas, parseAddressBook, type AddressBook } from '@skein/contracts-evm';
import { startAnvil, type Anvil } from '@skein/embedded';

/** Development account that deploys the contracts, mints FLOCK and opens tasks on chain. */
export const DEPLOYER = 'deployer';

/** A running devnet with Skein's contracts. */
export interface Devnet {
  readonly anvil: Anvil;
  readonly book: AddressBook;
}

/** Seconds between empty blocks: finality lags two blocks, so a lock is final within about a second. */
const BLOCK_TIME_SECONDS = 0.5;

async function hasContracts(anvil: Anvil, book: AddressBook): Promise<boolean> {
  const code = await chainReader({ rpcUrl: anvil.rpcUrl, chainId: anvil.chainId }).getCode({ address: book.taskStaking });
  return code !== undefined && code !== '0x';
}

/**
 * Starts the devnet on the data folder's chain and deploys the contracts once. The address book is written after the
 * deployment, so a kill in between deploys again and forgets the first ones, which nobody has used.
 */
export async function startChain(data: string, port: number, seed: string): Promise<Devnet> {
  const anvil = await startAnvil({ stateFile: join(data, 'chain.json'), port, blockTimeSeconds: BLOCK_TIME_SECONDS });
  const file = join(data, 'address-book.json');
  if (existsSync(file)) {
    const book = parseAddressBook(readFileSync(file, 'utf8'));
    if (await hasContracts(anvil, book)) return { anvil, book };
    await anvil.stop();
    throw new Error(`the chain in ${data} has lost its contracts (${join(data, 'chain.json')} is missing or old). The databases hold facts of the lost chain: start with an empty --data`);
  }
  const endpoint = { rpcUrl: anvil.rpcUrl, chainId: anvil.chainId };
  const client = chainClient(endpoint, devAccount(seed, DEPLOYER));
  await fundGas(endpoint, [client.address]);
  const book = await deployAll(client);
  writeFileSync(`${file}.new`, formatAddressBook(book));
  renameSync(`${file}.new`, file);
  return { anvil, book };
}
