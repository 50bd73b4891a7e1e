import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { PositionFeed, type SessionId } from './feed.js';
import { Polls, untilNextPoll } from './polls.js';
import type { Tx } from './types.js';

/** The checkpoint has moved or has another owner: whoever gets this has written nothing. */
export class LeaseLostError extends Error {
  constructor(name: string) {
    super(`subscription ${name} has another owner now`);
    this.name = 'LeaseLostError';
  }
}

/** One subscription's right to deliver, and its checkpoint. */
export class Lease {
  readonly #pool: Pool;
  readonly #name: string;
  readonly #leaseMs: number;
  readonly #owner = randomUUID();
  #position: bigint | undefined;
  #takenIn: SessionId | undefined;
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(pool: Pool, name: string, leaseMs: number) {
    this.#pool = pool;
    this.#name = name;
    this.#leaseMs = leaseMs;
  }

  /** Where delivery goes on; undefined while somebody else has the lease. */
  get position(): bigint | undefined {
    return this.#position;
  }

  #session(): Promise<SessionId | undefined> {
    return PositionFeed.of(this.#pool).session();
  }

  /** Whether there is hope to get the lease: asked together with others', and without a write. */
  vacant(): Promise<boolean> {
    return Polls.of(this.#pool).vacant({ name: this.#name, owner: this.#owner });
  }

  /** Tries to get the lease: free, run out, or left behind by a process that is gone. */
  async acquire(): Promise<boolean> {
    const session = await this.#session();
    await this.#pool.query('INSERT INTO es_subscription (name) VALUES ($1) ON CONFLICT DO NOTHING', [this.#name]);
    const { rows } = await this.#pool.query<{ position: string }>(
      `UPDATE es_subscription SET lease_owner = $2, leased_until = clock_timestamp() + $3 * interval '1 ms', lease_pid = $4, lease_pid_started = $5
       WHERE name = $1 AND (lease_owner IS NULL OR lease_owner = $2 OR leased_until < clock_timestamp() OR NOT es_session_alive(lease_pid, lease_pid_started))
       RETURNING position`,
      [this.#name, this.#owner, this.#leaseMs, session?.pid ?? null, session?.startedAt ?? null],
    );
    if (!rows[0]) {
      this.lose();
      return false;
    }
    this.#position = BigInt(rows[0].position);
    this.#takenIn = session;
    this.#beatNext();
    return true;
  }

  #beatNext(): void {
    clearTimeout(this.#heartbeat);
    this.#heartbeat = setTimeout(() => {
      this.#beatNext();
      void this.#beat();
    }, untilNextPoll(this.#leaseMs / 3));
  }

  /**
   * True where the connection that stands for this process is another one than when the lease was taken. The server may have
   * been killed in between, and may have come back with an older checkpoint and without the rows that came with it, since
   * those do not wait for the disk: what this process remembers would keep it asleep until the next event.
   */
  async isOutdated(): Promise<boolean> {
    const session = await this.#session();
    return session !== undefined && (session.pid !== this.#takenIn?.pid || session.startedAt !== this.#takenIn.startedAt);
  }

  async #beat(): Promise<void> {
    // A failed beat is not yet a lost lease: the next one or the compare-and-set will tell.
    const session = await this.#session();
    if (await Polls.of(this.#pool).renew({ name: this.#name, owner: this.#owner, leaseMs: this.#leaseMs, session }).catch(() => false)) return;
    const beaten = await this.#pool
      .query(
        `UPDATE es_subscription SET leased_until = clock_timestamp() + $3 * interval '1 ms', lease_pid = $4, lease_pid_started = $5 WHERE name = $1 AND lease_owner = $2`,
        [this.#name, this.#owner, this.#leaseMs, session?.pid ?? null, session?.startedAt ?? null],
      )
      .catch(() => undefined);
    if (beaten?.rowCount === 0) this.lose();
  }

  /**
   * Moves the checkpoint from where this owner left it. First in its transaction: the row's lock then comes before those of
   * the projection's tables, in the same order as in a switch of the projection, and a former owner learns it before it works.
   */
  async move(tx: Tx, to: bigint): Promise<void> {
    const moved = await tx.query('UPDATE public.es_subscription SET position = $3 WHERE name = $1 AND lease_owner = $2 AND position = $4', [
      this.#name, this.#owner, to.toString(), this.#position?.toString(),
    ]);
    if (moved.rowCount !== 1) throw new LeaseLostError(this.#name);
  }

  /**
   * `move` and `moved` where nothing else belongs into the transaction: one statement instead of four. The checkpoint alone
   * need not wait for the disk, so it turns that off for its own implicit transaction.
   */
  async moveAlone(to: bigint): Promise<void> {
    const { rowCount } = await this.#pool.query({
      name: 'es-move',
      text: `WITH quick AS (SELECT set_config('synchronous_commit', 'off', true))
        UPDATE public.es_subscription SET position = $3 FROM quick WHERE name = $1 AND lease_owner = $2 AND position = $4`,
      values: [this.#name, this.#owner, to.toString(), this.#position?.toString()],
    });
    if (rowCount !== 1) throw new LeaseLostError(this.#name);
    this.#position = to;
  }

  /** To be called once the transaction of `move` is committed. */
  moved(to: bigint): void {
    this.#position = to;
  }

  /** Forgets the lease without telling the database. */
  lose(): void {
    clearTimeout(this.#heartbeat);
    this.#position = undefined;
  }

  /** Gives the lease back. */
  async release(): Promise<void> {
    if (this.#position === undefined) return;
    this.lose();
    await this.#pool.query('UPDATE es_subscription SET lease_owner = NULL, lease_pid = NULL, lease_pid_started = NULL WHERE name = $1 AND lease_owner = $2', [this.#name, this.#owner]);
  }
}
