import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Where a proxy leads: `host:port`, or a port of the loopback. */
export type ProxyTarget = string | number;

/** What a proxy has done to the programs beside it since it was started. */
export interface Struck {
  /** Bytes that came late, were held back or were swallowed. */
  readonly bytes: number;
  /** Connections that were reset, and those that met silence when they were made. */
  readonly links: number;
}

/** A TCP proxy that breaks the network between two programs on command. */
export interface FaultProxy {
  readonly port: number;
  /** Connections that go through now, broken ones included. */
  connections(): number;
  /** What a fault has really done: one that nobody met has struck nobody. */
  struck(): Struck;
  /** From now on every byte takes so much longer, in both directions; order is kept. */
  delay(ms: number): void;
  /** Packets are lost: nothing arrives, nothing is refused. TCP repeats them, so what was sent meanwhile arrives after `heal`. */
  drop(): void;
  /**
   * The far ends are gone and nobody told the near ones: those connections stay open and silent for ever, also after `heal`;
   * new ones are accepted and as silent until then.
   */
  halfOpen(): void;
  /** Every connection is reset at once. New ones pass. */
  reset(): void;
  /** The network is whole again. */
  heal(): void;
  stop(): Promise<void>;
}

type Mode = 'pass' | 'drop' | 'half-open';
/** Counts. */
type Tally = { -readonly [K in keyof Struck]: Struck[K] };

/** Bytes of a direction that are taken in while it is held; the rest waits with whoever sends it. */
const HELD_BYTES_MAX = 256 * 1024;

/** One direction of a connection: hands chunks on in order, each after the delay that held when it came. */
class Flow {
  readonly #from: Socket;
  readonly #to: Duplex;
  #last: Promise<void> = Promise.resolve();
  #held: Promise<void> | undefined;
  #release: (() => void) | undefined;
  readonly #tally: Tally;
  #heldBytes = 0;

  constructor(from: Socket, to: Duplex, delayMs: () => number, tally: Tally) {
    this.#from = from;
    this.#to = to;
    this.#tally = tally;
    from.on('data', (chunk: Buffer) => this.#take(chunk, delayMs()));
    from.on('end', () => this.#then(delayMs(), async () => void to.end()));
  }

  #take(chunk: Buffer, delayMs: number): void {
    if (delayMs > 0 || this.#held !== undefined) this.#tally.bytes += chunk.length;
    this.#then(delayMs, () => this.#write(chunk));
    if (this.#held === undefined) return;
    this.#heldBytes += chunk.length;
    if (this.#heldBytes > HELD_BYTES_MAX) this.#from.pause();
  }

  #then(ms: number, work: () => Promise<void>): void {
    const due = ms === 0 ? undefined : new Promise<void>((resolve) => setTimeout(resolve, ms));
    this.#last = this.#last.then(async () => {
      await due;
      await this.#held;
      await work();
    });
  }

  async #write(chunk: Buffer): Promise<void> {
    if (this.#to.destroyed || this.#to.writableEnded) return;
    if (this.#to.write(chunk)) return;
    // The slow side's pace becomes the fast side's.
    this.#from.pause();
    await new Promise<void>((resolve) => this.#to.once('drain', resolve).once('close', resolve));
    if (this.#held === undefined) this.#from.resume();
  }

  hold(): void {
    this.#held ??= new Promise((resolve) => (this.#release = resolve));
  }

  letGo(): void {
    this.#release?.();
    this.#held = this.#release = undefined;
    this.#heldBytes = 0;
    this.#from.resume();
  }
}

/** One accepted connection and the one behind it. */
class Link {
  readonly #near: Socket;
  #far: Socket | undefined;
  #flows: Flow[] = [];
  #silent = false;
  readonly #tally: Tally;

  constructor(near: Socket, tally: Tally, closed: () => void) {
    this.#near = near;
    this.#tally = tally;
    near.on('error', () => undefined).on('close', () => {
      this.#far?.destroy();
      closed();
    });
  }

  get open(): boolean {
    return this.#far !== undefined || this.#silent;
  }

  connect(host: string, port: number, delayMs: () => number): void {
    const far = connect({ host, port, allowHalfOpen: true, noDelay: true });
    this.#far = far;
    far.on('error', () => this.#near.resetAndDestroy());
    far.on('close', () => void (this.#silent || this.#near.destroySoon()));
    this.#flows = [new Flow(this.#near, far, delayMs, this.#tally), new Flow(far, this.#near, delayMs, this.#tally)];
    this.#near.resume();
  }

  hold(): void {
    if (this.#far === undefined) this.#near.pause();
    for (const flow of this.#flows) flow.hold();
  }

  letGo(): void {
    for (const flow of this.#flows) flow.letGo();
  }

  /** The far end is gone; what the near one still says is swallowed. */
  orphan(): void {
    this.#silent = true;
    this.#near.removeAllListeners('data').removeAllListeners('end').on('data', (chunk: Buffer) => (this.#tally.bytes += chunk.length)).on('end', () => this.#near.destroy()).resume();
    this.#far?.destroy();
  }

  reset(): void {
    this.#tally.links += 1;
    this.#near.resetAndDestroy();
    this.#far?.resetAndDestroy();
  }
}

class Proxy implements FaultProxy {
  readonly #server: Server;
  readonly #host: string;
  readonly #targetPort: number;
  readonly #links = new Set<Link>();
  readonly #tally: Tally = { bytes: 0, links: 0 };
  #mode: Mode = 'pass';
  #delayMs = 0;

  constructor(target: ProxyTarget) {
    const [host, port] = typeof target === 'number' ? ['127.0.0.1', target] : [target.slice(0, target.lastIndexOf(':')), Number(target.slice(target.lastIndexOf(':') + 1))];
    this.#host = host;
    this.#targetPort = port;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => this.#accept(near));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  listen(port: number): Promise<this> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject).listen(port, '127.0.0.1', () => resolve(this));
    });
  }

  connections(): number {
    return this.#links.size;
  }

  struck(): Struck {
    return { ...this.#tally };
  }

  #accept(near: Socket): void {
    const link = new Link(near, this.#tally, () => this.#links.delete(link));
    this.#links.add(link);
    if (this.#mode === 'pass') return this.#open(link);
    this.#tally.links += 1;
    if (this.#mode === 'half-open') link.orphan();
    else link.hold();
  }

  #open(link: Link): void {
    link.connect(this.#host, this.#targetPort, () => this.#delayMs);
  }

  delay(ms: number): void {
    this.#delayMs = ms;
  }

  drop(): void {
    this.#mode = 'drop';
    for (const link of this.#links) link.hold();
  }

  halfOpen(): void {
    this.#mode = 'half-open';
    for (const link of this.#links) link.orphan();
  }

  reset(): void {
    for (const link of this.#links) link.reset();
  }

  heal(): void {
    this.#mode = 'pass';
    this.#delayMs = 0;
    for (const link of this.#links) {
      if (link.open) link.letGo();
      else this.#open(link);
    }
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.reset();
    await closed;
  }
}

/** Starts a proxy on a free port of the loopback (or the given one) that leads to `target`. */
export function startFaultProxy(options: { target: ProxyTarget; port?: number }): Promise<FaultProxy> {
  return new Proxy(options.target).listen(options.port ?? 0);
}
