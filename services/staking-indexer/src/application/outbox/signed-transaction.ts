import { RejectionError } from '@skein/kernel';
import { keccak256, parseTransaction, recoverTransactionAddress, type Hex, type TransactionSerialized } from 'viem';
import type { SignedTransaction } from '../../domain/outbox/outbox.events.js';
import { callHash } from './intent-calls.js';
import type { Signer, UnsignedTransaction } from './ports.js';

function fieldsOf(raw: Hex): Record<string, unknown> {
  const { type, chainId, nonce, to, data, value, gas, maxFeePerGas, maxPriorityFeePerGas } = parseTransaction(raw);
  return {
    type, chainId, nonce: nonce ?? 0, to: to?.toLowerCase(), data: data ?? '0x', value: value ?? 0n, gas,
    feeMax: maxFeePerGas ?? 0n, tipMax: maxPriorityFeePerGas ?? 0n,
  };
}

const otherwise = (message: string): RejectionError => new RejectionError({ code: 'unavailable', rule: 'signer-answered-otherwise', message, retriable: true });

/** Signs, and believes the signer nothing: what comes back must be that very transaction, by that very account. */
export async function signed(signer: Signer, transaction: UnsignedTransaction, signedAtMs: number): Promise<SignedTransaction> {
  const raw = await signer.sign(transaction);
  let found: Record<string, unknown>;
  let from: string;
  try {
    found = fieldsOf(raw);
    from = (await recoverTransactionAddress({ serializedTransaction: raw as TransactionSerialized })).toLowerCase();
  } catch {
    throw otherwise('the signer answered something that is no signed transaction');
  }
  const asked: Record<string, unknown> = { type: 'eip1559', value: 0n, ...transaction };
  const strange = Object.keys(asked).find((field) => asked[field] !== found[field]);
  if (strange !== undefined) throw otherwise(`the signer signed another transaction: ${strange} is ${String(found[strange])}, not ${String(asked[strange])}`);
  if (from !== signer.address) throw otherwise(`the signer signed with ${from}, not with ${signer.address}`);
  const { gas, feeMax, tipMax } = transaction;
  return { hash: keccak256(raw), raw: Buffer.from(raw.slice(2), 'hex').toString('base64'), call: callHash(transaction), gas, feeMax, tipMax, signedAtMs };
}

/** The bytes as they are sent. */
export const rawOf = ({ raw }: SignedTransaction): Hex => `0x${Buffer.from(raw, 'base64').toString('hex')}`;
