import type { Address } from 'viem';
import { parseAddressBook, readAddress, readObject, type AddressBook } from './address-book.js';
import { readSettings, SETTING_NAMES, writeSettings, type DeploySettings } from './deploy-settings.js';

/** A deployment as its file keeps it: where the contracts are, who deployed them, and with which settings. */
export interface Deployment {
  readonly book: AddressBook;
  readonly deployer: Address;
  readonly settings: DeploySettings;
}

/** JSON text of a deployment; `parseAddressBook` reads it, too. */
export const formatDeployment = ({ book, deployer, settings }: Deployment): string =>
  `${JSON.stringify({ ...book, fromBlock: book.fromBlock.toString(), deployer, settings: writeSettings(settings) }, null, 2)}\n`;

/** What a deployment's settings may do without. */
const OPTIONAL: readonly string[] = ['multisig', 'minter'];

/** Reads what `formatDeployment` wrote; throws an `Error` that names the field that is wrong. */
export function parseDeployment(text: string): Deployment {
  const book = parseAddressBook(text);
  const { deployer, settings } = readObject('address book', text);
  if (typeof settings !== 'object' || settings === null) throw new Error('address book: settings is missing');
  const read = readSettings('address book: settings', settings as Record<string, unknown>);
  const missing = SETTING_NAMES.find((name) => read[name] === undefined && !OPTIONAL.includes(name));
  if (missing !== undefined) throw new Error(`address book: settings: ${missing} is missing`);
  return { book, deployer: readAddress('address book: deployer', deployer), settings: read as DeploySettings };
}
