import { privateKeyToAccount } from 'viem/accounts';
import type { Address, Hex } from 'viem';
import type { Signer, UnsignedTransaction } from '../src/application/outbox/ports.js';

/** Addresses of contracts that nothing is deployed at. */
export const CONTRACTS = {
  taskStaking: `0x${'a1'.repeat(20)}`,
  rewards: `0x${'a2'.repeat(20)}`,
  emission: `0x${'a3'.repeat(20)}`,
  federationTask: `0x${'a4'.repeat(20)}`,
} as const satisfies Record<string, Address>;

/** Signs with a key that the test knows. */
export function testSigner(key: Hex): Signer {
  const account = privateKeyToAccount(key);
  return {
    address: account.address.toLowerCase() as Address,
    sign: ({ to, data, chainId, nonce, gas, feeMax, tipMax }: UnsignedTransaction) =>
      account.signTransaction({ type: 'eip1559', to, data, chainId, nonce, gas, maxFeePerGas: feeMax, maxPriorityFeePerGas: tipMax, value: 0n }),
  };
}
