import type { Address } from 'viem';

/** Where the contracts of one deployment are. Addresses are lower case, `0x` and 40 hex digits. */
export interface AddressBook {
  readonly chainId: number;
  readonly flock: Address;
  readonly gmFlock: Address;
  readonly gmExchange: Address;
  readonly taskStaking: Address;
  /** First block that can hold a log of these contracts. */
  readonly fromBlock: bigint;
}

const ADDRESS = /^0x[0-9a-f]{40}$/;
const CONTRACTS = ['flock', 'gmFlock', 'gmExchange', 'taskStaking'] as const;

/** JSON text of an address book, for a setting or a file. */
export const formatAddressBook = (book: AddressBook): string => JSON.stringify({ ...book, fromBlock: book.fromBlock.toString() });

/** Reads what `formatAddressBook` wrote; throws an `Error` that names the field that is wrong. */
export function parseAddressBook(text: string): AddressBook {
  const raw = JSON.parse(text) as Record<string, unknown>;
  const address = (field: string): Address => {
    const value = String(raw[field]).toLowerCase();
    if (!ADDRESS.test(value)) throw new Error(`address book: ${field} is not an address`);
    return value as Address;
  };
  const chainId = Number(raw['chainId']);
  if (!Number.isSafeInteger(chainId) || chainId <= 0) throw new Error('address book: chainId is not a chain id');
  if (!/^\d{1,18}$/.test(String(raw['fromBlock']))) throw new Error('address book: fromBlock is not a block number');
  const [flock, gmFlock, gmExchange, taskStaking] = CONTRACTS.map(address) as [Address, Address, Address, Address];
  return { chainId, flock, gmFlock, gmExchange, taskStaking, fromBlock: BigInt(String(raw['fromBlock'])) };
}
