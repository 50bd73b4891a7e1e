import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { ChainTrouble } from '../application/chain-trouble.js';
import { hiding } from './hidden-url.js';

/** A JSON-RPC endpoint's own refusal. */
export class RpcError extends Error {
  readonly rpcCode: number;
  /** The endpoint's own words. */
  readonly said: string;
  /** What it adds: of a call that reverted, what the contract threw. */
  readonly data: unknown;
  constructor(method: string, code: number, message: string, data?: unknown) {
    super(`${method}: ${message}`);
    this.name = 'RpcError';
    this.rpcCode = code;
    this.said = message;
    this.data = data;
  }
}

interface Refused {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly data?: unknown;
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: Refused | null;
}

/** Some endpoints write `error: null` beside a result. */
const isRefusal = (answer: Answer): answer is Answer & { readonly error: Refused } => answer.error !== undefined && answer.error !== null;

/** One call: method and parameters. */
export type RpcCall = readonly [method: string, ...params: unknown[]];

export interface JsonRpcOptions {
  readonly timeoutMs?: number;
  /** Bytes of one answer that are read at most. */
  readonly answerBytesMax?: number;
}

/** Longer wishes of an endpoint are cut: an outage of its own making must not be ours for hours. */
const RETRY_AFTER_MS_MAX = 300_000;
const HTTP_TOO_MANY = 429;
/** Of an endpoint's own words; some quote the whole request. */
const SAID_MAX = 500;

/** JSON-RPC 2.0 over HTTP, several calls in one request. Throws `ChainTrouble` for whatever is no answer, `RpcError` for a refusal. */
export class JsonRpc {
  /** Host and port: never the path, which may hold a key. */
  readonly name: string;
  readonly #url: string;
  readonly #timeoutMs: number;
  readonly #bytesMax: number;
  readonly #hide: (text: string) => string;
  // The chain is asked several times a second for ever: `fetch` was a third of what a service at rest used.
  readonly #agent: HttpAgent;

  constructor(url: string, { timeoutMs = 15_000, answerBytesMax = 8 * 1024 * 1024 }: JsonRpcOptions = {}) {
    this.#url = url;
    this.name = new URL(url).host;
    this.#hide = hiding(url);
    this.#timeoutMs = timeoutMs;
    this.#bytesMax = answerBytesMax;
    const options = { keepAlive: true, maxFreeSockets: 2, timeout: timeoutMs };
    this.#agent = url.startsWith('https:') ? new HttpsAgent(options) : new HttpAgent(options);
  }

  async call<T>(method: string, ...params: unknown[]): Promise<T> {
    const [result] = await this.batch<T>([[method, ...params]]);
    return result!;
  }

  /** Results in the order of the calls; throws the first refusal. `answerBytesMax`: for this answer alone. */
  async batch<T>(calls: readonly RpcCall[], answerBytesMax = this.#bytesMax): Promise<T[]> {
    if (calls.length === 0) return [];
    const body = JSON.stringify(calls.map(([method, ...params], id) => ({ jsonrpc: '2.0', id, method, params })));
    const answers = this.#parsed(await this.#post(body, answerBytesMax));
    const byId = new Map(answers.map((answer) => [answer?.id, answer]));
    return calls.map(([method], id) => this.#resultOf<T>(method, byId.get(id)));
  }

  #parsed(text: string): (Answer | null)[] {
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      throw new ChainTrouble('answer-not-json', `${this.name} answered ${text.length} characters that are no JSON: ${JSON.stringify(this.#hide(text).slice(0, 40))}`);
    }
    if (Array.isArray(parsed)) return parsed as (Answer | null)[];
    // Some endpoints refuse a whole batch by one object.
    const one = parsed as Answer | null;
    if (one !== null && typeof one === 'object' && isRefusal(one)) throw this.#refusal('batch', one.error);
    throw new ChainTrouble('answer-malformed', `${this.name} answered no list of answers`);
  }

  #resultOf<T>(method: string, answer: Answer | null | undefined): T {
    if (answer === undefined || answer === null) throw new ChainTrouble('answer-malformed', `${this.name}: the answer to ${method} is missing`);
    if (isRefusal(answer)) throw this.#refusal(method, answer.error);
    if (answer.result === undefined) throw new ChainTrouble('answer-malformed', `${this.name}: the answer to ${method} holds no result`);
    return answer.result as T;
  }

  #refusal(method: string, { code, message, data }: Refused): Error {
    const said = this.#hide(String(message)).slice(0, SAID_MAX);
    if (code === HTTP_TOO_MANY) return new ChainTrouble('rate-limited', `${this.name} limits the rate: ${said}`);
    return new RpcError(`${method} at ${this.name}`, Number(code), said, data);
  }

  /** Asks again where the endpoint has closed a connection that was kept: it has then read nothing. */
  #post(body: string, bytesMax: number, again = true): Promise<string> {
    const send = this.#agent instanceof HttpsAgent ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
      const failed = (error: unknown): void => reject(this.#troubleOf(error));
      const asked = send(this.#url, { method: 'POST', agent: this.#agent, headers, signal: AbortSignal.timeout(this.#timeoutMs) }, (answer) => void this.#textOf(answer, bytesMax).then(resolve, failed));
      asked.on('error', (error) => {
        if (again && asked.reusedSocket && 'code' in error && error.code === 'ECONNRESET') this.#post(body, bytesMax, false).then(resolve, reject);
        else failed(error);
      });
      asked.end(body);
    });
  }

  async #textOf(answer: IncomingMessage, bytesMax: number): Promise<string> {
    const { statusCode: status = 0 } = answer;
    if (status !== 200) {
      answer.resume();
      const retryAfterMs = retryAfterOf(answer);
      const wish = retryAfterMs === undefined ? {} : { retryAfterMs };
      throw new ChainTrouble(status === HTTP_TOO_MANY ? 'rate-limited' : 'endpoint-status', `${this.name} answered ${status}`, wish);
    }
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      // Leaving the loop destroys the connection: what is still to come is never read.
      if (bytes > bytesMax) throw new ChainTrouble('answer-too-large', `${this.name} answered more than ${bytesMax} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString();
  }

  #troubleOf(error: unknown): ChainTrouble {
    if (error instanceof ChainTrouble) return error;
    const { name, message } = error as Error;
    if (name === 'AbortError' || name === 'TimeoutError') return new ChainTrouble('endpoint-timeout', `${this.name} did not answer within ${this.#timeoutMs} ms`);
    return new ChainTrouble('endpoint-unreachable', `${this.name} cannot be reached: ${this.#hide(message)}`, { cause: error });
  }
}

/** `Retry-After` in seconds or as a date (RFC 9110, 10.2.3). */
function retryAfterOf({ headers }: IncomingMessage): number | undefined {
  const text = headers['retry-after'];
  if (text === undefined) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.parse(headers['date'] ?? '');
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), RETRY_AFTER_MS_MAX) : undefined;
}
