import { RejectionError } from '@skein/kernel';
import { BaseError, createPublicClient, custom, defineChain, InsufficientFundsError, RpcRequestError, type PublicClient } from 'viem';
import { ChainTrouble } from '../application/chain-trouble.js';
import { RpcError, type JsonRpc } from './json-rpc.js';

/** viem over our own client, which bounds what it reads and shows nothing of an endpoint but its host: viem's own shows the URL. */
export function readerOver(rpc: JsonRpc, chainId: number): PublicClient {
  const request = async ({ method, params = [] }: { method: string; params?: readonly unknown[] }): Promise<unknown> => {
    try {
      return await rpc.call(method, ...params);
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      const { rpcCode: code, said: message, data } = error;
      throw new RpcRequestError({ body: { method }, error: { code, message, data }, url: rpc.name });
    }
  };
  const chain = defineChain({
    id: chainId,
    name: `eip155:${chainId}`,
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [] } },
  });
  // The outbox comes back to whatever failed.
  return createPublicClient({ chain, transport: custom({ request }, { retryCount: 0 }) });
}

const WORDS_MAX = 300;

/** Whatever was thrown instead of an answer, as something that waiting may heal: by name, in few words, of the endpoint its host alone. */
export function troubleOf(error: unknown, name: string, hide: (text: string) => string): RejectionError {
  if (error instanceof RejectionError) return error;
  const [rule, message] = whatOf(error, name);
  return new RejectionError({ code: 'unavailable', rule, message: hide(message).slice(0, WORDS_MAX), retriable: true });
}

function whatOf(error: unknown, name: string): readonly [rule: string, message: string] {
  const trouble = error instanceof BaseError ? error.walk((cause) => cause instanceof ChainTrouble) : error;
  if (trouble instanceof ChainTrouble) return [trouble.rule, trouble.message];
  if (error instanceof RpcError) return ['endpoint-refused', error.message];
  if (!(error instanceof BaseError)) return ['answer-malformed', `${name}: ${error instanceof Error ? `${error.name}: ${error.message}` : 'something was thrown'}`];
  if (error.walk((cause) => cause instanceof InsufficientFundsError) !== null) return ['signer-without-gas', `${name}: the account that signs has too little for gas`];
  const refused = error.walk((cause) => cause instanceof RpcRequestError) !== null;
  return [refused ? 'endpoint-refused' : 'answer-malformed', `${name}: ${error.shortMessage} ${error.details ?? ''}`.trim()];
}
