import { failpoint } from '@skein/telemetry';
import type { Pool } from 'pg';
import { PositionFeed } from './feed.js';
import { Lease } from './lease.js';
import { eventMetrics } from './metrics.js';
import { Pause } from './pause.js';
import type { EventStore } from './store.js';
import { inTransaction, reportToStderr } from './transaction.js';
import type { RecordedEvent, ReportError } from './types.js';

/** Which streams are closed: those whose last event is of one of these types, and has been for so long. */
export interface ArchivePolicy {
  /** Types that end a stream: whatever the service still does to it afterwards is refused or changes nothing. */
  readonly closedBy: readonly string[];
  readonly afterDays: number;
}

/** Rows of another lib in the service's database that are not needed for ever. */
export interface Expiring {
  /** For the metric: `message-content`. */
  readonly what: string;
  readonly table: string;
  /** Columns of its key, and of the time from which the days count; the time has an index. */
  readonly key: string;
  readonly time: string;
  readonly days: number;
}

/** What is kept for how long. */
export interface HousekeeperOptions {
  store: EventStore;
  archive?: ArchivePolicy;
  expiring?: readonly Expiring[];
  /** Jobs that were done; default 14 days. Failed ones stay until somebody has seen to them. */
  jobsDays?: number;
  /** Between two passes; default 1 h. */
  everyMs?: number;
  onError?: ReportError;
}

/** What one pass has removed or moved. */
export interface Housekept {
  keys: number;
  jobs: number;
  /** By what they were. */
  expired: Readonly<Record<string, number>>;
  archivedStreams: number;
  archivedEvents: number;
}

// Two underscores: no subscription's name has them, and lists of subscriptions leave it out.
const LEASE = 'es__housekeeping';
const LEASE_MS = 12_000;
const PAGE = 500;
const CHUNK = 1_000;
const DAY_MS = 86_400_000;

/** Removes in small transactions: a long one would hold back the clean-up of all tables. */
async function removeAll(pool: Pool, table: string, key: string, where: string, values: unknown[]): Promise<number> {
  let removed = 0;
  for (;;) {
    const { rowCount } = await pool.query(`DELETE FROM ${table} WHERE (${key}) IN (SELECT ${key} FROM ${table} WHERE ${where} LIMIT ${CHUNK})`, values);
    const count = rowCount ?? 0;
    removed += count;
    if (count > 0) failpoint('housekeeping.removed');
    if (count < CHUNK) return removed;
  }
}

/** Moves one closed stream's events but the last into the archive; returns how many. Repeated it goes on where it stopped. */
export async function archiveStream(pool: Pool, streamId: string): Promise<number> {
  let moved = 0;
  for (;;) {
    const { rows } = await pool.query<{ count: number }>({ name: 'es-archive', text: 'SELECT es_archive($1, $2) AS count', values: [streamId, CHUNK] });
    const count = rows[0]?.count ?? 0;
    moved += count;
    if (count > 0) failpoint('archive.moved');
    if (count < CHUNK) return moved;
  }
}

/**
 * Removes what nobody can ask for any more, and moves closed streams' events into the archive: idempotency keys after their 7
 * days, jobs that were done, what other libs let expire, events by the archive's policy. One process at a time; a killed pass is taken up where it stopped.
 *
 * Inbox rows stay. An inbox row is needed as long as its message can be delivered again, and every topic keeps its messages
 * without end (`infinite`; `compact`, where each message is its key's whole state, keeps the last one): a group whose offsets
 * are set back, or that reads from the beginning after a loss of its offsets, gets all of them again, and only the rows keep
 * them from taking effect twice.
 */
export class Housekeeper {
  readonly name = 'housekeeping';
  readonly #options: Required<Omit<HousekeeperOptions, 'archive'>>;
  readonly #archive: ArchivePolicy | undefined;
  readonly #lease: Lease;
  readonly #pause = new Pause();
  #stopping = false;
  #loop: Promise<void> | undefined;

  constructor({ archive, ...options }: HousekeeperOptions) {
    this.#options = { jobsDays: 14, everyMs: 3_600_000, expiring: [], onError: reportToStderr, ...options };
    this.#archive = archive;
    this.#lease = new Lease(options.store.pool, LEASE, LEASE_MS);
  }

  /** Starts in the background. */
  async start(): Promise<void> {
    if (this.#loop) return;
    this.#stopping = false;
    this.#loop = this.#run();
  }

  /** Ends after the stream under way. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#pause.wake();
    await this.#loop;
    this.#loop = undefined;
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      await this.runOnce().catch((error: unknown) => this.#options.onError(error, this.name));
      if (!this.#stopping) await this.#pause.wait(this.#options.everyMs);
    }
  }

  /** One pass; undefined where another process is at it. */
  async runOnce(): Promise<Housekept | undefined> {
    const { store, jobsDays, expiring } = this.#options;
    // The connection that stands for this process: the lease of a killed one ends with it.
    const unlisten = PositionFeed.of(store.pool).listen(() => undefined);
    try {
      if (!(await this.#lease.acquire())) return undefined;
      const keys = await this.#remove('idempotency-key', 'es_idempotency', 'scope, key', 'expires_at < clock_timestamp()', []);
      const jobs = await this.#remove('job', 'es_job', 'id', `state = 'done' AND finished_at < clock_timestamp() - $1 * interval '1 day'`, [jobsDays]);
      const expired: Record<string, number> = {};
      for (const { what, table, key, time, days } of expiring) expired[what] = await this.#remove(what, table, key, `${time} < clock_timestamp() - $1 * interval '1 day'`, [days]);
      const metrics = eventMetrics(store.pool);
      const { streams, events } = this.#archive ? await this.#archiveAll(this.#archive) : { streams: 0, events: 0 };
      metrics.archived.add(events);
      return { keys, jobs, expired, archivedStreams: streams, archivedEvents: events };
    } finally {
      await this.#lease.release().catch(() => this.#lease.lose());
      unlisten();
    }
  }

  async #remove(what: string, table: string, key: string, where: string, values: unknown[]): Promise<number> {
    const { pool } = this.#options.store;
    const removed = await removeAll(pool, table, key, where, values);
    eventMetrics(pool).purged.add(removed, { what });
    return removed;
  }

  /** Walks the log from where the last pass stopped to the first event that is too young. */
  async #archiveAll(policy: ArchivePolicy): Promise<{ streams: number; events: number }> {
    const { store } = this.#options;
    const total = { streams: 0, events: 0 };
    const { rows } = await store.pool.query<{ now_ms: string }>('SELECT es_now_ms() AS now_ms');
    const youngestMs = Number(rows[0]?.now_ms) - policy.afterDays * DAY_MS;
    while (!this.#stopping) {
      const from = this.#lease.position;
      if (from === undefined) return total;
      const { events, head } = await store.readPage(from, PAGE, policy.closedBy);
      const old = events.findIndex((event) => event.recordedAtMs > youngestMs);
      const due = old < 0 ? events : events.slice(0, old);
      for (const event of due) {
        const moved = await this.#archiveClosed(event);
        total.streams += moved > 0 ? 1 : 0;
        total.events += moved;
      }
      const complete = events.length < PAGE || old >= 0;
      // Up to the first one that is too young; where there is none, nothing before the head closes a stream.
      const next = old >= 0 ? (events[old]?.position ?? 1n) - 1n : events.length < PAGE ? head : (events.at(-1)?.position ?? head);
      if (next > from) {
        await inTransaction(store.pool, (tx) => this.#lease.move(tx, next));
        this.#lease.moved(next);
        failpoint('archive.advanced');
      }
      if (complete) return total;
    }
    return total;
  }

  async #archiveClosed({ streamId, version }: RecordedEvent): Promise<number> {
    const { pool } = this.#options.store;
    // A stream that went on is not closed; its own last event will come along in this walk, if it is of such a type.
    const { rows } = await pool.query<{ last: number }>('SELECT max(version) AS last FROM es_event WHERE stream_id = $1', [streamId]);
    return rows[0]?.last === version ? archiveStream(pool, streamId) : 0;
  }
}
