import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import type { Address, Hex } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import type { Signer, UnsignedTransaction } from '../application/outbox/ports.js';

/** A signer that cannot be used; `rule` names why. */
export class SignerRefused extends Error {
  readonly rule: 'signer-key-missing' | 'signer-key-open-to-others' | 'signer-key-malformed';
  constructor(rule: SignerRefused['rule'], message: string) {
    super(`${rule}: ${message}`);
    this.name = 'SignerRefused';
    this.rule = rule;
  }
}

/** Reads the key of an account: 64 hex digits in a regular file that nobody but its owner may read. Never says what it read. */
function readKey(path: string): Hex {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    throw new SignerRefused('signer-key-missing', `${path} cannot be opened`);
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) throw new SignerRefused('signer-key-missing', `${path} is no regular file`);
    if ((stat.mode & 0o077) !== 0) throw new SignerRefused('signer-key-open-to-others', `${path} may be read by others: chmod 600`);
    const text = readFileSync(file, 'utf8').trim().replace(/^0x/, '');
    if (!/^[0-9a-fA-F]{64}$/.test(text)) throw new SignerRefused('signer-key-malformed', `${path} holds no key of 64 hex digits`);
    return `0x${text}`;
  } finally {
    closeSync(file);
  }
}

/** Signs with a key from a file. */
export function keyFileSigner(path: string): Signer {
  const key = readKey(path);
  let account: ReturnType<typeof privateKeyToAccount>;
  try {
    account = privateKeyToAccount(key);
  } catch {
    throw new SignerRefused('signer-key-malformed', `${path} holds no key of the curve`);
  }
  return {
    address: account.address.toLowerCase() as Address,
    sign: ({ to, data, chainId, nonce, gas, feeMax, tipMax }: UnsignedTransaction) =>
      account.signTransaction({ type: 'eip1559', to, data, chainId, nonce, gas, maxFeePerGas: feeMax, maxPriorityFeePerGas: tipMax, value: 0n }),
  };
}
