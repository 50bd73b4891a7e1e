import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One call as it came in, and what the chain answered. */
export interface ProxiedCall {
  readonly method: string;
  readonly params: readonly unknown[];
  readonly result: unknown;
}

/** A refusal in place of a result. */
export class Refusal {
  readonly code: number;
  readonly message: string;
  constructor(code: number, message: string) {
    this.code = code;
    this.message = message;
  }
}

/** Changes a result; `undefined` leaves it. */
export type Bend = (call: ProxiedCall) => unknown;
/** Answers instead of the chain. */
export type Break = (response: ServerResponse, body: string) => void;

interface Question {
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
}

/** A JSON-RPC endpoint before a real devnet that lies, fails or stays silent on command. */
export class RpcProxy {
  /** Every call that came in, in order. */
  readonly asked: string[] = [];
  readonly #server: Server;
  readonly #upstream: string;
  #bend: Bend | undefined;
  #break: Break | undefined;

  private constructor(upstream: string) {
    this.#upstream = upstream;
    this.#server = createServer((request, response) => void this.#answer(request, response).catch(() => response.destroy()));
  }

  static async before(upstream: string): Promise<RpcProxy> {
    const proxy = new RpcProxy(upstream);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** From now on results are changed on their way. */
  bend(bend: Bend): void {
    this.#bend = bend;
  }

  /** From now on nothing is asked of the chain. */
  break(answer: Break): void {
    this.#break = answer;
  }

  heal(): void {
    this.#bend = undefined;
    this.#break = undefined;
  }

  stop(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const questions = JSON.parse(body) as Question[];
    this.asked.push(...questions.map(({ method }) => method));
    if (this.#break !== undefined) return this.#break(response, body);
    const upstream = await fetch(this.#upstream, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const answers = (await upstream.json()) as { id: number; result?: unknown; error?: unknown }[];
    const bent = answers.map((answer) => this.#bent(answer, questions.find(({ id }) => id === answer.id)!));
    response.setHeader('content-type', 'application/json').end(JSON.stringify(bent));
  }

  #bent(answer: { id: number; result?: unknown; error?: unknown }, { method, params }: Question): unknown {
    if (this.#bend === undefined || answer.error !== undefined) return answer;
    const result = this.#bend({ method, params, result: answer.result });
    if (result instanceof Refusal) return { id: answer.id, error: { code: result.code, message: result.message } };
    return result === undefined ? answer : { ...answer, result };
  }
}
