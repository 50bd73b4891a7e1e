import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs';
import { parseDeployment, readObject, readSettings, settingsFor, type Deployment, type DeploySettings } from '@skein/contracts-evm';
import type { Address, Hex } from 'viem';
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import { CliError, EXIT, usageError } from './errors.js';

const refused = (message: string, rule: string): CliError => new CliError(EXIT.failed, message, 'failed-precondition', rule);
const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function textOf(option: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw usageError(`--${option}: ${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'no reason given'})`);
  }
}

/** The deployer's account. A file that others may read is refused; what is in it is never told, not even when it is no key. */
export function readKey(file: string): PrivateKeyAccount {
  if (file === '') throw usageError('--key-file is missing: a file with the private key of an account that has never sent a transaction');
  const text = textOf('key-file', file).trim();
  if ((statSync(file).mode & 0o077) !== 0) throw refused(`--key-file: others may read ${file}; chmod 600 it, and think about a fresh key`, 'key-file-mode');
  try {
    if (!/^0x[0-9a-fA-F]{64}$/.test(text)) throw new Error('not a key');
    return privateKeyToAccount(text as Hex);
  } catch {
    // Without its cause: that could quote the key.
    throw refused(`--key-file: ${file} holds no private key (0x and 64 hex digits)`, 'key-file');
  }
}

/** A deployment as it is wanted: on which chain, by whom, with which settings. */
export interface Wanted {
  readonly chainId: number;
  readonly settings: DeploySettings;
}

/** Reads `--config`; what is wrong in it is named by its field. */
export function readConfig(file: string, deployer: Address): Wanted {
  if (file === '') throw usageError('--config is missing: a JSON file with chainId, multisig, genesisSeconds and what is to differ from the defaults');
  const text = textOf('config', file);
  try {
    const { chainId, ...fields } = readObject('config', text);
    if (typeof chainId !== 'number' || !Number.isSafeInteger(chainId) || chainId <= 0) throw new Error('config: chainId is not a chain id');
    const options = readSettings('config', fields);
    for (const field of ['multisig', 'genesisSeconds'] as const) if (options[field] === undefined) throw new Error(`config: ${field} is missing`);
    return { chainId, settings: settingsFor(deployer, options.genesisSeconds as bigint, options) };
  } catch (error) {
    throw usageError(`--config: ${wordsOf(error)}`);
  }
}

/** Reads the file of a deployment. */
export function readDeployment(file: string): Deployment {
  if (file === '') throw usageError('--book is missing: the file that skein chain deploy wrote');
  try {
    return parseDeployment(textOf('book', file));
  } catch (error) {
    throw error instanceof CliError ? error : usageError(`--book: ${file}: ${wordsOf(error)}`);
  }
}

/** A file of another deployment is never written over. */
export function requireSameBook(file: string, chainId: number, deployer: Address): void {
  if (!existsSync(file)) return;
  const held = readDeployment(file);
  if (held.book.chainId === chainId && held.deployer === deployer) return;
  throw refused(`--book: ${file} is of another deployment (chain ${held.book.chainId}, by ${held.deployer}); name another file`, 'other-deployment');
}

/** Whoever reads the file, at whatever moment, sees all of it or none; a crash of the machine leaves the old or the new one. */
export function writeWhole(file: string, text: string): void {
  const fresh = `${file}.new`;
  const handle = openSync(fresh, 'w', 0o644);
  try {
    writeSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(fresh, file);
}
