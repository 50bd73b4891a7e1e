import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';

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
  // The chain is asked several times a second for ever: `fetch` was a third of what a service at rest used.
  readonly #agent: HttpAgent;

  constructor(url: string, timeoutMs = 15_000) {
    this.#url = url;
    this.#timeoutMs = timeoutMs;
    const options = { keepAlive: true, maxFreeSockets: 2, timeout: timeoutMs };
    this.#agent = url.startsWith('https:') ? new HttpsAgent(options) : new HttpAgent(options);
  }

  async call<T>(method: string, ...params: unknown[]): Promise<T> {
    const [result] = await this.batch<T>([[method, ...params]]);
    return result!;
  }

  /** Results in the order of the calls; throws the first refusal. */
  async batch<T>(calls: readonly RpcCall[]): Promise<T[]> {
    if (calls.length === 0) return [];
    const body = JSON.stringify(calls.map(([method, ...params], id) => ({ jsonrpc: '2.0', id, method, params })));
    const answers = JSON.parse(await this.#post(body)) as Answer[] | Answer;
    const byId = new Map((Array.isArray(answers) ? answers : [answers]).map((answer) => [answer.id, answer]));
    return calls.map(([method], id) => resultOf<T>(method, byId.get(id)));
  }

  /** Asks again where the endpoint has closed a connection that was kept: it has then read nothing. */
  #post(body: string, again = true): Promise<string> {
    const send = this.#agent instanceof HttpsAgent ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
      const asked = send(this.#url, { method: 'POST', agent: this.#agent, headers, signal: AbortSignal.timeout(this.#timeoutMs) }, (answer) => void textOf(answer).then(resolve, reject));
      asked.on('error', (error) => {
        if (again && asked.reusedSocket && 'code' in error && error.code === 'ECONNRESET') this.#post(body, false).then(resolve, reject);
        else reject(error);
      });
      asked.end(body);
    });
  }
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  if (answer.statusCode !== 200) throw new Error(`the chain's endpoint answered ${answer.statusCode}`);
  return Buffer.concat(chunks).toString();
}

function resultOf<T>(method: string, answer: Answer | undefined): T {
  if (answer === undefined) throw new Error(`${method}: the endpoint's answer lacks it`);
  if (answer.error !== undefined) throw new RpcError(method, answer.error.code, answer.error.message);
  return answer.result as T;
}
