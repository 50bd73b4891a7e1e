import { createServer, connect, type Server, type Socket } from 'node:net';

/** One instance behind a balancer. */
export interface Backend {
  readonly port: number;
  /** False: gets no new connections while another one is usable. */
  usable(): boolean;
}

const CONNECT_MS_MAX = 2_000;

/**
 * A TCP balancer on the loopback: each connection goes to the next instance in turn. Instances that are not usable or do
 * not accept the connection are skipped; when none accepts it the client's connection is reset.
 */
export class Balancer {
  readonly port: number;
  readonly #server: Server;
  readonly #backends: readonly Backend[];
  readonly #open = new Set<Socket>();
  #next = 0;

  private constructor(port: number, server: Server, backends: readonly Backend[]) {
    this.port = port;
    this.#server = server;
    this.#backends = backends;
    server.on('connection', (socket) => void this.#serve(socket));
  }

  /** Listens; rejects when the port is taken. */
  static start(port: number, backends: readonly Backend[]): Promise<Balancer> {
    const server = createServer({ pauseOnConnect: true, noDelay: true });
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => resolve(new Balancer(port, server, backends)));
    });
  }

  /** Stops listening and cuts what is open. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#open) socket.destroy();
    await closed;
  }

  async #serve(client: Socket): Promise<void> {
    this.#track(client);
    for (const backend of this.#inTurn()) {
      const upstream = await reach(backend.port);
      if (upstream === undefined) continue;
      if (client.destroyed) return void upstream.destroy();
      this.#track(upstream);
      return join(client, upstream);
    }
    client.resetAndDestroy();
  }

  /** All instances from the next one on; those that are not usable come last, because they may have come back just now. */
  #inTurn(): Backend[] {
    const first = this.#next;
    this.#next = (this.#next + 1) % this.#backends.length;
    const turn = [...this.#backends.slice(first), ...this.#backends.slice(0, first)];
    return [...turn.filter((backend) => backend.usable()), ...turn.filter((backend) => !backend.usable())];
  }

  #track(socket: Socket): void {
    this.#open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#open.delete(socket));
  }
}

/** A connection to the port, or undefined where nobody accepts it in time. */
function reach(port: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const late = setTimeout(() => socket.destroy(), CONNECT_MS_MAX);
    const end = (answer: Socket | undefined): void => {
      clearTimeout(late);
      resolve(answer);
    };
    socket.once('connect', () => end(socket));
    socket.once('error', () => end(undefined));
    socket.once('close', () => end(undefined));
  });
}

/** Both ways; the end or death of one side is the other's too. */
function join(client: Socket, upstream: Socket): void {
  client.pipe(upstream).pipe(client);
  client.once('close', () => upstream.destroy());
  upstream.once('close', () => client.destroy());
  client.resume();
}
