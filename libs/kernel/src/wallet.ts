import { hexToBytes } from './hash.js';
import { RejectionError } from './result.js';

/** An account on an EVM chain. `address` is `0x` and 40 lower-case hex digits, our canonical form. */
export interface Wallet {
  readonly chainId: number;
  readonly address: `0x${string}`;
}

const CAIP10 = /^eip155:([1-9]\d{0,15}):(0x[0-9a-fA-F]{40})$/;

/** Parses a CAIP-10 account such as `eip155:31337:0x…`; undefined when it is none. */
export function tryParseWallet(text: string): Wallet | undefined {
  const match = CAIP10.exec(text);
  if (!match) return undefined;
  const chainId = Number(match[1]);
  return Number.isSafeInteger(chainId) ? { chainId, address: match[2]!.toLowerCase() as `0x${string}` } : undefined;
}

/** Parses a CAIP-10 account or throws a `RejectionError` (invalid-argument, rule `format`) naming the field. */
export function parseWallet(text: string, field = 'wallet'): Wallet {
  const wallet = tryParseWallet(text);
  if (wallet) return wallet;
  throw new RejectionError({
    code: 'invalid-argument',
    rule: 'format',
    message: `${field} must be a CAIP-10 account like eip155:8453:0x… with 40 hex digits`,
    field,
  });
}

/** The canonical CAIP-10 text: address in lower case. Equal wallets have equal texts. */
export const formatWallet = (wallet: { chainId: number; address: string }): string =>
  `eip155:${wallet.chainId}:${wallet.address.toLowerCase()}`;

/** The canonical text of a CAIP-10 account in any letter case; throws as `parseWallet`. */
export const canonicalWallet = (text: string, field?: string): string => formatWallet(parseWallet(text, field));

/** The 20 bytes of the account's address. */
export const walletBytes = (text: string): Uint8Array => hexToBytes(parseWallet(text).address);
