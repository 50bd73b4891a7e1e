import { RejectionError } from '@skein/kernel';
import { numberToHex, type Address, type Hex } from 'viem';
import type { Signer, UnsignedTransaction } from '../application/outbox/ports.js';

const TIMEOUT_MS = 15_000;
const ANSWER_BYTES_MAX = 1_048_576;

const silent = (rule: string, message: string): RejectionError => new RejectionError({ code: 'unavailable', rule, message, retriable: true });

async function ask(url: string, method: string, params: unknown): Promise<unknown> {
  let text: string;
  try {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: [params] });
    const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body, signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'error' });
    text = await answer.text();
  } catch {
    // Not the cause: it may quote the URL, and that may hold a password.
    throw silent('signer-unreachable', 'the remote signer cannot be reached');
  }
  return resultOf(text);
}

function resultOf(text: string): unknown {
  let answer: { result?: unknown; error?: { message?: unknown } };
  try {
    if (text.length > ANSWER_BYTES_MAX) throw new Error('too large');
    answer = JSON.parse(text) as typeof answer;
  } catch {
    throw silent('signer-answered-otherwise', 'the remote signer answered no JSON-RPC');
  }
  if (answer?.error !== undefined) throw silent('signer-refused', `the remote signer refused: ${String(answer.error.message).slice(0, 200)}`);
  return answer?.result;
}

/** Signs by `eth_signTransaction` of a remote signer such as web3signer, which holds the key of `address`. */
export const remoteSigner = (url: string, address: Address): Signer => ({
  address,
  sign: async ({ to, data, chainId, nonce, gas, feeMax, tipMax }: UnsignedTransaction): Promise<Hex> => {
    const result = await ask(url, 'eth_signTransaction', {
      from: address,
      to,
      data,
      value: '0x0',
      chainId: numberToHex(chainId),
      nonce: numberToHex(nonce),
      gas: numberToHex(gas),
      maxFeePerGas: numberToHex(feeMax),
      maxPriorityFeePerGas: numberToHex(tipMax),
    });
    // Some answer the bytes alone, some the transaction with its fields beside them.
    const raw = typeof result === 'object' && result !== null ? (result as { raw?: unknown }).raw : result;
    if (typeof raw !== 'string' || !/^0x[0-9a-fA-F]+$/.test(raw)) throw silent('signer-answered-otherwise', 'the remote signer answered no bytes');
    return raw.toLowerCase() as Hex;
  },
});
