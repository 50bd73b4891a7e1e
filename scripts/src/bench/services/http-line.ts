import { connect, type Socket } from 'node:net';

/** An answer as far as a load generator reads it. */
export interface HttpAnswer {
  readonly status: number;
  /** Lower case. */
  readonly head: string;
  readonly body: string;
}

const NO_ANSWER: HttpAnswer = { status: 0, head: '', body: '' };

/** The answer at the beginning of what was received, once it is whole; every answer of ours tells its length. */
export function answerIn(received: string): HttpAnswer | undefined {
  const end = received.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = received.slice(0, end).toLowerCase();
  const length = Number(/\r\ncontent-length: *(\d+)/.exec(head)?.[1] ?? 0);
  if (received.length < end + 4 + length) return undefined;
  return { status: Number(received.slice(9, 12)), head, body: received.slice(end + 4, end + 4 + length) };
}

/**
 * One connection with one request at a time, as cheap as can be: on a machine that also carries the server, what the generator
 * uses is taken from the server. A connection that was closed is opened again with the next request.
 */
export class HttpLine {
  readonly #host: string;
  readonly #port: number;
  #socket: Socket | undefined;
  #received = '';
  #done: ((answer: HttpAnswer) => void) | undefined;

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.#host = hostname;
    this.#port = Number(port);
  }

  /** Status 0 where the connection broke. `request` is the whole of it, head and body, in ASCII. */
  send(request: string): Promise<HttpAnswer> {
    return new Promise((resolve) => {
      this.#done = resolve;
      this.#received = '';
      (this.#socket ??= this.#open()).write(request, 'latin1');
    });
  }

  close(): void {
    this.#socket?.destroy();
  }

  #open(): Socket {
    const socket = connect({ host: this.#host, port: this.#port, noDelay: true });
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#received += text;
      const answer = answerIn(this.#received);
      if (answer === undefined) return;
      if (answer.head.includes('\r\nconnection: close')) this.#drop(socket);
      this.#settle(answer);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.#settle(NO_ANSWER);
    });
    return socket;
  }

  #drop(socket: Socket): void {
    this.#socket = undefined;
    socket.destroy();
  }

  #settle(answer: HttpAnswer): void {
    const done = this.#done;
    this.#done = undefined;
    done?.(answer);
  }
}
