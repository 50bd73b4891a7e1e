/** A JSON-RPC endpoint's own refusal. */
export class RpcError extends Error {
  readonly rpcCode: number;
  constructor(method: string, code: number, message: string) {
    super(`${method}: ${message}`);
    this.name = 'RpcError';
    this.rpcCode = code;
  }
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
}

/** One call: method and parameters. */
export type RpcCall = readonly [method: string, ...params: unknown[]];

/** JSON-RPC 2.0 over HTTP, several calls in one request. */
export class JsonRpc {
  readonly #url: string;
  readonly #timeoutMs: number;

  constructor(url: string, timeoutMs = 15_000) {
    this.#url = url;
    this.#timeoutMs = timeoutMs;
  }

  async call<T>(method: string, ...params: unknown[]): Promise<T> {
    const [result] = await this.batch<T>([[method, ...params]]);
    return result!;
  }

  /** Results in the order of the calls; throws the first refusal. */
  async batch<T>(calls: readonly RpcCall[]): Promise<T[]> {
    if (calls.length === 0) return [];
    const body = JSON.stringify(calls.map(([method, ...params], id) => ({ jsonrpc: '2.0', id, method, params })));
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(this.#url, { method: 'POST', headers, body, signal: AbortSignal.timeout(this.#timeoutMs) });
    if (!response.ok) throw new Error(`the chain's endpoint answered ${response.status}`);
    const answers = (await response.json()) as Answer[] | Answer;
    const byId = new Map((Array.isArray(answers) ? answers : [answers]).map((answer) => [answer.id, answer]));
    return calls.map(([method], id) => resultOf<T>(method, byId.get(id)));
  }
}

function resultOf<T>(method: string, answer: Answer | undefined): T {
  if (answer === undefined) throw new Error(`${method}: the endpoint's answer lacks it`);
  if (answer.error !== undefined) throw new RpcError(method, answer.error.code, answer.error.message);
  return answer.result as T;
}
