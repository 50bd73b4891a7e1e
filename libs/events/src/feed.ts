import pg from 'pg';

/** A connection that the server knows this process by; leases name it, so that they end with it. */
export interface SessionId {
  pid: number;
  startedAt: string;
}

const RECONNECT_MS = 250;
const SILENT_MS = 5_000;
const feeds = new WeakMap<pg.Pool, PositionFeed>();

/**
 * One listening connection per pool, open while somebody listens. It tells of new positions and stands for the process:
 * when it is gone, leases taken under it may be taken over at once.
 */
export class PositionFeed {
  readonly #pool: pg.Pool;
  readonly #listeners = new Set<(payload: string) => void>();
  #client: pg.Client | undefined;
  #session: Promise<SessionId | undefined> = Promise.resolve(undefined);
  #reconnect: NodeJS.Timeout | undefined;

  private constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  /** The feed of a pool's database. */
  static of(pool: pg.Pool): PositionFeed {
    const known = feeds.get(pool) ?? new PositionFeed(pool);
    feeds.set(pool, known);
    return known;
  }

  /**
   * Calls `listener` after new positions, and after a gap in listening (with an empty text); until the returned function is
   * called. The text is the position, or what else a notification says.
   */
  listen(listener: (payload: string) => void): () => void {
    this.#listeners.add(listener);
    if (!this.#client) this.#connect();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#close();
    };
  }

  /** The present session; undefined while there is none, and then leases end by time alone. */
  session(): Promise<SessionId | undefined> {
    return this.#session;
  }

  #connect(): void {
    clearTimeout(this.#reconnect);
    // Leases wait for this connection: a server that accepts it and then says nothing must not hold them up.
    const client = new pg.Client({ ...this.#pool.options, password: this.#pool.options.password, keepAlive: true, connectionTimeoutMillis: SILENT_MS, query_timeout: SILENT_MS });
    this.#client = client;
    const lost = (): void => {
      if (this.#client !== client) return;
      this.#client = undefined;
      this.#session = Promise.resolve(undefined);
      client.end().catch(() => undefined);
      if (this.#listeners.size > 0) this.#reconnect = setTimeout(() => this.#connect(), RECONNECT_MS);
    };
    client.on('error', lost).on('end', lost).on('notification', ({ payload }) => this.#tell(payload ?? ''));
    this.#session = this.#open(client).catch(() => {
      lost();
      return undefined;
    });
  }

  async #open(client: pg.Client): Promise<SessionId | undefined> {
    await client.connect();
    await client.query('LISTEN es_position');
    const { rows } = await client.query<SessionId>('SELECT pid, backend_start::text AS "startedAt" FROM pg_stat_activity WHERE pid = pg_backend_pid()');
    this.#tell('');
    return rows[0];
  }

  #tell(payload: string): void {
    for (const listener of this.#listeners) listener(payload);
  }

  #close(): void {
    clearTimeout(this.#reconnect);
    const client = this.#client;
    this.#client = undefined;
    this.#session = Promise.resolve(undefined);
    client?.end().catch(() => undefined);
  }
}
