import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chainClient, chainReader, deployAll, devAccount, formatAddressBook, fundGas, parseAddressBook, type AddressBook, type DeployOptions } from '@skein/contracts-evm';
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

/** What takes five days in production takes two seconds here, rounded up, so that it can be seen. An epoch, a day there, is a second. */
const DEVNET: DeployOptions = {
  epochSeconds: 1n, unbondingSeconds: 4n, appealSeconds: 3n, exitSeconds: 4n, coolDownSeconds: 1n,
  sigmaNoticeSeconds: 4n, sigmaIntervalSeconds: 12n, sigmaFreezeSeconds: 1n, timelockSeconds: 1n,
};

function readBook(data: string, file: string): AddressBook {
  try {
    return parseAddressBook(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`${file} is no address book of this version (${error instanceof Error ? error.message : String(error)}). Contracts are never replaced in place: start with an empty --data instead of ${data}`, { cause: error });
  }
}

async function hasContracts(anvil: Anvil, book: AddressBook): Promise<boolean> {
  const code = await chainReader({ rpcUrl: anvil.rpcUrl, chainId: anvil.chainId }).getCode({ address: book.taskStaking });
  return code !== undefined && code !== '0x';
}

/**
 * Starts the devnet on the data folder's chain and deploys the contracts once. The address book is written after the
 * deployment; a kill in between goes on where it stopped, or where the chain's state was lost, from the start.
 */
export async function startChain(data: string, port: number, seed: string): Promise<Devnet> {
  const file = join(data, 'address-book.json');
  const book = existsSync(file) ? readBook(data, file) : undefined;
  const anvil = await startAnvil({ stateFile: join(data, 'chain.json'), port, blockTimeSeconds: BLOCK_TIME_SECONDS });
  if (book !== undefined) {
    if (await hasContracts(anvil, book)) return { anvil, book };
    await anvil.stop();
    throw new Error(`the chain in ${data} has lost its contracts (${join(data, 'chain.json')} is missing or old). The databases hold facts of the lost chain: start with an empty --data`);
  }
  const endpoint = { rpcUrl: anvil.rpcUrl, chainId: anvil.chainId };
  const client = chainClient(endpoint, devAccount(seed, DEPLOYER));
  await fundGas(endpoint, [client.address]);
  const made = await deployAll(client, DEVNET);
  writeFileSync(`${file}.new`, formatAddressBook(made));
  renameSync(`${file}.new`, file);
  return { anvil, book: made };
}
