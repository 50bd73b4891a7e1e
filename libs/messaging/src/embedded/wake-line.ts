import pg from 'pg';
import { backoffMs, delay } from './delay.js';
import type { Session } from './log-database.js';
import type { ReportError } from './partition-loop.js';

const CHANNEL = 'skein_log';
const CONNECT_TIMEOUT_MS = 5_000;
const RECONNECT_FIRST_MS = 200;
const RECONNECT_MAX_MS = 5_000;

/** What other processes say: new heads of partitions, or that a group's leases have changed hands. */
export interface WakeEvents {
  heads(heads: ReadonlyMap<number, bigint>): void;
  group(group: string): void;
  /** The line was down and is up again: anything may have been missed. */
  reconnected(): void;
}

/**
 * The one LISTEN connection of a process, and its outgoing notifications: coalesced, at most one on its way, always outside
 * the transaction that appended (inside it would cost more than half of the throughput). Losing one costs a slow poll.
 */
export class WakeLine {
  readonly #connectionString: string;
  readonly #self: string;
  readonly #events: WakeEvents;
  readonly #report: ReportError;
  readonly #notify: (channel: string, payload: string) => Promise<void>;
  readonly #end = new AbortController();
  readonly #heads = new Map<number, bigint>();
  readonly #groups = new Set<string>();
  #flushing: Promise<void> | undefined;
  #listening: Promise<void> | undefined;
  #session: Session | undefined;
  /** Ends the wait on the connection at hand, or on the one that is being made. */
  #letGo: (() => void) | undefined;
  readonly #firstTry = Promise.withResolvers<void>();

  constructor(connectionString: string, self: string, events: WakeEvents, notify: (channel: string, payload: string) => Promise<void>, report: ReportError) {
    this.#connectionString = connectionString;
    this.#self = self;
    this.#events = events;
    this.#notify = notify;
    this.#report = report;
  }

  /** Connects on first use (a process that only sends needs no line); resolves after the first try, whatever came of it. */
  listen(): Promise<void> {
    this.#listening ??= this.#keepListening();
    return this.#firstTry.promise;
  }

  /** The connection that stands for this process; undefined while there is none. */
  get session(): Session | undefined {
    return this.#session;
  }

  /** The server does not know `session` any more, and this side was not told: connects anew. */
  renew(session: Session): void {
    if (this.#session !== session) return;
    this.#session = undefined;
    this.#letGo?.();
  }

  tellHeads(heads: ReadonlyMap<number, bigint>): void {
    for (const [id, head] of heads) if (head > (this.#heads.get(id) ?? -1n)) this.#heads.set(id, head);
    this.#flush();
  }

  tellGroup(group: string): void {
    this.#groups.add(group);
    this.#flush();
  }

  async close(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing;
    this.#end.abort();
    this.#letGo?.();
    await this.#listening;
  }

  #flush(): void {
    if (this.#end.signal.aborted) return;
    this.#flushing ??= this.#flushAll().finally(() => (this.#flushing = undefined));
  }

  async #flushAll(): Promise<void> {
    while (this.#heads.size + this.#groups.size > 0) {
      const heads = [...this.#heads].map(([id, head]) => [id, head.toString()]);
      const groups = [...this.#groups];
      this.#heads.clear();
      this.#groups.clear();
      await this.#notify(CHANNEL, JSON.stringify({ from: this.#self, heads, groups })).catch((error: unknown) => this.#report(error, 'notify'));
    }
  }

  async #keepListening(): Promise<void> {
    for (let attempt = 1; !this.#end.signal.aborted; attempt++) {
      const client = new pg.Client({ connectionString: this.#connectionString, application_name: 'skein-log-listen', keepAlive: true, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, query_timeout: CONNECT_TIMEOUT_MS });
      try {
        const ended = Promise.withResolvers<void>();
        client.once('end', ended.resolve);
        this.#letGo = ended.resolve;
        client.on('error', (error) => this.#report(error, 'listen'));
        client.on('notification', ({ payload }) => this.#receive(payload ?? ''));
        await client.connect();
        await client.query(`LISTEN ${CHANNEL}`);
        this.#session = await sessionOf(client);
        this.#firstTry.resolve();
        this.#events.reconnected();
        attempt = 0;
        await ended.promise;
      } catch (error) {
        this.#report(error, 'listen');
      }
      // Not awaited: a far end that is gone without a word does not answer a goodbye either.
      void client.end().catch(() => undefined);
      this.#session = undefined;
      this.#firstTry.resolve();
      await delay(backoffMs(attempt + 1, RECONNECT_FIRST_MS, RECONNECT_MAX_MS), this.#end.signal);
    }
  }

  #receive(payload: string): void {
    const { from, heads, groups } = JSON.parse(payload) as { from: string; heads: [number, string][]; groups: string[] };
    if (from === this.#self) return;
    if (heads.length > 0) this.#events.heads(new Map(heads.map(([id, head]) => [id, BigInt(head)])));
    for (const group of groups) this.#events.group(group);
  }
}

async function sessionOf(client: pg.Client): Promise<Session | undefined> {
  const { rows } = await client.query<Session>('SELECT pid, backend_start::text AS "startedAt" FROM pg_stat_activity WHERE pid = pg_backend_pid()');
  return rows[0];
}
