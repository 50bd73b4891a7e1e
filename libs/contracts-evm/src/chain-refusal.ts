import { BaseError, InsufficientFundsError } from 'viem';
import type { ChainEndpoint } from './chain-client.js';

/** Why a chain, an account or a deployment was refused, by name. */
export type ChainRule = 'not-an-rpc' | 'unreachable' | 'wrong-chain' | 'insufficient-funds' | 'other-transactions' | 'reverted' | 'not-mined' | 'no-logs';

/** A refusal that whoever deploys can act on. The message never holds a key. */
export class ChainRefusal extends Error {
  readonly rule: ChainRule;
  constructor(rule: ChainRule, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ChainRefusal';
    this.rule = rule;
  }
}

const PROBE_MS = 20_000;
const ANSWER_BYTES_MAX = 64 * 1024;

async function answerOf(rpcUrl: string): Promise<{ status: number; text: string }> {
  try {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] });
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(rpcUrl, { method: 'POST', headers, body, signal: AbortSignal.timeout(PROBE_MS) });
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      if (text.length > ANSWER_BYTES_MAX) break;
    }
    return { status: response.status, text };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new ChainRefusal('unreachable', `the RPC endpoint cannot be reached: ${cause instanceof Error ? cause.message : String(cause)}`, { cause: error });
  }
}

const looksLikeHtml = (text: string): boolean => /^\s*<(!doctype|html|head|body|\?xml)/i.test(text);

function resultOf(text: string): unknown {
  try {
    return (JSON.parse(text) as { result?: unknown } | null)?.result;
  } catch {
    return undefined;
  }
}

/** Asks an endpoint for its chain before anything is believed or sent; throws a `ChainRefusal` unless it is the one expected. */
export async function requireChain({ rpcUrl, chainId }: ChainEndpoint): Promise<void> {
  const { status, text } = await answerOf(rpcUrl);
  const result = resultOf(text);
  if (typeof result !== 'string' || !/^0x[0-9a-f]{1,13}$/i.test(result)) {
    const what = looksLikeHtml(text) ? 'HTML' : text.length > ANSWER_BYTES_MAX ? 'more than an answer can be' : 'something else';
    throw new ChainRefusal('not-an-rpc', `the address answers with ${what} (HTTP ${status}), not as a JSON-RPC endpoint does`);
  }
  if (Number(result) !== chainId) throw new ChainRefusal('wrong-chain', `the endpoint is for chain ${Number(result)}, not for chain ${chainId}`);
}

/** viem's error as a refusal where it is one; anything else as it was. */
export function refusalOf(error: unknown): unknown {
  if (!(error instanceof BaseError)) return error;
  const funds = error.walk((cause) => cause instanceof InsufficientFundsError);
  return funds === null ? error : new ChainRefusal('insufficient-funds', 'the account has too little for gas', { cause: error });
}
