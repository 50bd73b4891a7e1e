import { isAddress, type Address } from 'viem';

/** Every contract of a deployment: the deployer's own in the order of its transactions, then the code that all pools run. */
export const CONTRACT_NAMES = [
  'flock',
  'gmFlock',
  'gmExchange',
  'taskStaking',
  'parameterRegistry',
  'timelock',
  'rewards',
  'slashedRewards',
  'poolManager',
  'emission',
  'federationTask',
  'poolCode',
] as const;
export type ContractName = (typeof CONTRACT_NAMES)[number];

/**
 * Where the contracts of one deployment are. Addresses are lower case, `0x` and 40 hex digits. `rewards` pays FLOCK,
 * `slashedRewards` the gmFLOCK that slashes bring; `poolCode` is what every delegation pool is a clone of.
 */
export interface AddressBook extends Readonly<Record<ContractName, Address>> {
  readonly chainId: number;
  /** First block that can hold a log of these contracts. */
  readonly fromBlock: bigint;
}

/** What a deployment's file holds beside the address book. */
export const DEPLOYMENT_FIELDS = ['deployer', 'settings'] as const;

const ADDRESS = /^0x[0-9a-fA-F]{40}$/;
const ZERO = /^0x0{40}$/;

/** An address in lower case; throws an `Error` that begins with `where`. A mixed-case one must have the right checksum. */
export function readAddress(where: string, value: unknown): Address {
  if (typeof value !== 'string' || !ADDRESS.test(value)) throw new Error(`${where} is not an address`);
  if (ZERO.test(value)) throw new Error(`${where} is the zero address`);
  if (/[a-f]/.test(value) && /[A-F]/.test(value.slice(2)) && !isAddress(value)) throw new Error(`${where} is not an address: its checksum is wrong`);
  return value.toLowerCase() as Address;
}

/** A JSON object's fields; throws an `Error` that begins with `what` for anything else. */
export function readObject(what: string, text: string): Record<string, unknown> {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    throw new Error(`${what}: not JSON`);
  }
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) throw new Error(`${what}: not an object`);
  return raw as Record<string, unknown>;
}

/** JSON text of an address book, for a setting or a file. */
export const formatAddressBook = (book: AddressBook): string => JSON.stringify({ ...book, fromBlock: book.fromBlock.toString() });

/** Reads what `formatAddressBook` or `formatDeployment` wrote; throws an `Error` that names the field that is wrong. */
export function parseAddressBook(text: string): AddressBook {
  const raw = readObject('address book', text);
  const known: readonly string[] = ['chainId', 'fromBlock', ...CONTRACT_NAMES, ...DEPLOYMENT_FIELDS];
  // Not said which: the text may be a setting, and what somebody put into the wrong one is not repeated.
  if (!Object.keys(raw).every((field) => known.includes(field))) throw new Error(`address book: has a field that is none of ${known.join(', ')}`);
  const { chainId, fromBlock } = raw;
  if (typeof chainId !== 'number' || !Number.isSafeInteger(chainId) || chainId <= 0) throw new Error('address book: chainId is not a chain id');
  if (!/^\d{1,18}$/.test(String(fromBlock))) throw new Error('address book: fromBlock is not a block number');
  const entries = CONTRACT_NAMES.map((name) => [name, readAddress(`address book: ${name}`, raw[name])] as const);
  const twice = entries.find(([, address], at) => entries.findIndex(([, other]) => other === address) !== at);
  if (twice !== undefined) throw new Error(`address book: ${twice[0]} is the address of another contract, too`);
  const addresses = Object.fromEntries(entries) as Record<ContractName, Address>;
  return { chainId, ...addresses, fromBlock: BigInt(String(fromBlock)) };
}
