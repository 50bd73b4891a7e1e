import { RejectionError } from '@skein/kernel';
import { numberToHex, type Address, type Hex } from 'viem';
import type { Signer, UnsignedTransaction } from '../application/outbox/ports.js';
import { hiding } from './hidden-url.js';

const TIMEOUT_MS = 15_000;
const ANSWER_BYTES_MAX = 1_048_576;

const silent = (rule: string, message: string): RejectionError => new RejectionError({ code: 'unavailable', rule, message, retriable: true });

/** What was answered, as far as anybody would have to read it; the rest is never taken in. */
async function bounded(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    // Leaving the loop ends the connection.
    if (bytes > ANSWER_BYTES_MAX) throw silent('signer-answered-otherwise', `the remote signer answered more than ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

async function ask(url: string, method: string, params: unknown, timeoutMs: number): Promise<unknown> {
  let text: string;
  try {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: [params] });
    text = await bounded(await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body, signal: AbortSignal.timeout(timeoutMs), redirect: 'error' }));
  } catch (error) {
    if (error instanceof RejectionError) throw error;
    const late = error instanceof Error && error.name === 'TimeoutError';
    // Not the cause: it may quote the URL, and that may hold a password.
    throw silent('signer-unreachable', late ? `the remote signer did not answer within ${timeoutMs} ms` : 'the remote signer cannot be reached');
  }
  return resultOf(text, hiding(url));
}

function resultOf(text: string, hide: (text: string) => string): unknown {
  let answer: { result?: unknown; error?: { message?: unknown } };
  try {
    answer = JSON.parse(text) as typeof answer;
  } catch {
    throw silent('signer-answered-otherwise', 'the remote signer answered no JSON-RPC');
  }
  if (answer?.error !== undefined && answer.error !== null) throw silent('signer-refused', `the remote signer refused: ${hide(String(answer.error.message)).slice(0, 200)}`);
  return answer?.result;
}

/** Signs by `eth_signTransaction` of a remote signer such as web3signer, which holds the key of `address`. */
export const remoteSigner = (url: string, address: Address, timeoutMs = TIMEOUT_MS): Signer => ({
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
    }, timeoutMs);
    // Some answer the bytes alone, some the transaction with its fields beside them.
    const raw = typeof result === 'object' && result !== null ? (result as { raw?: unknown }).raw : result;
    if (typeof raw !== 'string' || !/^0x[0-9a-fA-F]+$/.test(raw)) throw silent('signer-answered-otherwise', 'the remote signer answered no bytes');
    return raw.toLowerCase() as Hex;
  },
});
