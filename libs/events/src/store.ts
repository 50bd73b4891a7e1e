import type { Meter, Tracer } from '@opentelemetry/api';
import { checkUpcasters, RejectionError, type Decider, type DomainEvent, type Rejection, type Result, type Upcasters } from '@skein/kernel';
import type { Pool } from 'pg';
import { encodeEvents, type Encoded, EVENT_COLUMNS, HISTORY_COLUMNS, RAW_TEXT, rawRows, toRecorded, type EventRow } from './codec.js';
import { commit, versionConflict } from './commit.js';
import { executeCommand, loadState, type ExecuteContext } from './execute.js';
import { Lanes } from './lanes.js';
import { measurePool } from './metrics.js';
import type { RebuildProgress } from './rebuild-record.js';
import { Sequencer } from './sequencer.js';
import { Snapshots } from './snapshots.js';
import { SeenClock } from './seen-clock.js';
import { StateCache } from './state-cache.js';
import { tellOutcome, tracedAppend, tracedCommand, tracePool } from './tracing.js';
import { guardPool, reportToStderr } from './transaction.js';
import type { CommandOutcome, EventMetadata, Execute, Executed, Expected, RecordedEvent, ReportError, Tx } from './types.js';

/** How a store is made. The pool's role is the app role. */
export interface EventStoreOptions {
  pool: Pool;
  upcasters?: Upcasters;
  /** Folded streams kept in memory; default 1000. */
  cacheMax?: number;
  /** Default: one JSON line on stderr. */
  onError?: ReportError;
  /** Told how rebuilds of projections come on: every 5 s and at their end. */
  onProgress?: (progress: RebuildProgress) => void;
  /** Told how each command of `execute` ended, inside its trace: for a log. */
  onCommand?: (outcome: CommandOutcome) => void;
  /** Measures this store and all else of this library that works over its pool; default: the API's global meter. */
  meter?: Meter;
  /** Makes the spans of this store and of all else that works over its pool; default: none are made. */
  tracer?: Tracer;
}

/** What has been read and how far: `head` is the last position at the time of the read. */
export interface ReadPage {
  events: RecordedEvent[];
  head: bigint;
}

type PageRow = EventRow & { head: string };

// The inner limits let the page be read along the position indexes, however long the log is: from the range that holds the
// next position. An event lies in one of the two tables, whichever moment the snapshot shows; where the archive is empty, looking
// there costs one descent of its index.
const READ_ALL = `
  SELECT h.head, page.*
  FROM (SELECT public.es_head() AS head OFFSET 0) h
  LEFT JOIN LATERAL (
    (SELECT ${EVENT_COLUMNS}
      FROM public.es_position p CROSS JOIN LATERAL (
        SELECT i.* FROM public.es_event i
        WHERE i.seq >= p.seq + greatest($1 + 1 - p.position, 0) AND i.seq < p.seq + p.events AND ($2::text[] IS NULL OR i.type = ANY ($2))
        ORDER BY i.seq LIMIT $3) e
      WHERE p.position >= coalesce((SELECT f.position FROM public.es_position f WHERE f.position <= $1 + 1 ORDER BY f.position DESC LIMIT 1), 0)
      ORDER BY p.position, e.seq LIMIT $3)
    UNION ALL
    (SELECT ${HISTORY_COLUMNS} FROM public.es_event_archive h
      WHERE h.position > $1 AND ($2::text[] IS NULL OR h.type = ANY ($2))
      ORDER BY h.position LIMIT $3)
    ORDER BY position LIMIT $3
  ) page ON true
  ORDER BY page.position`;

async function readRaw(pool: Pool, values: unknown[]): Promise<PageRow[]> {
  const { rows } = await pool.query<string[]>({ name: 'es-read-all', text: READ_ALL, values, rowMode: 'array', types: RAW_TEXT });
  const rowOf = rawRows();
  return rows.map(([head, ...columns]) => ({ ...rowOf(columns), head: head ?? '0' }));
}

/** The event log of one service in PostgreSQL: append, read, and the command path. */
export class EventStore {
  readonly pool: Pool;
  readonly upcasters: Upcasters;
  readonly sequencer: Sequencer;
  readonly onProgress: ((progress: RebuildProgress) => void) | undefined;
  readonly #cache: StateCache;
  readonly #clock = new SeenClock();
  readonly #snapshots: Snapshots;
  readonly #lanes = new Lanes();
  readonly #onCommand: ((outcome: CommandOutcome) => void) | undefined;

  constructor(options: EventStoreOptions) {
    const onError = options.onError ?? reportToStderr;
    this.pool = options.pool;
    this.upcasters = options.upcasters ?? {};
    checkUpcasters(this.upcasters);
    this.onProgress = options.onProgress;
    this.#onCommand = options.onCommand;
    this.sequencer = new Sequencer(options.pool, onError);
    this.#snapshots = new Snapshots(options.pool, onError);
    this.#cache = new StateCache(options.cacheMax ?? 1_000);
    if (options.meter) measurePool(options.pool, options.meter);
    if (options.tracer) tracePool(options.pool, options.tracer);
    guardPool(options.pool);
    // Without a listener an idle connection that the server closes would end the process.
    if (options.pool.listenerCount('error') === 0) options.pool.on('error', (error) => onError(error, 'pool'));
  }

  /**
   * Appends 1 to 256 events of at most 64 KiB each. Throws `RejectionError`: `conflict`/`expected-version` with the actual
   * version, `invalid-argument` for the limits. Repeated with the same `commandId` it answers the same and writes nothing.
   */
  async append(
    streamId: string, expected: Expected, events: readonly DomainEvent[], metadata: EventMetadata, commandId?: string,
  ): Promise<{ streamId: string; version: number }> {
    if (events.length === 0) throw new RejectionError({ code: 'invalid-argument', rule: 'no-events', message: 'an append needs at least one event' });
    return tracedAppend(this.pool, streamId, events, metadata, (traced) => this.#append(streamId, expected, events, traced, commandId));
  }

  async #append(streamId: string, expected: Expected, events: readonly DomainEvent[], metadata: EventMetadata, commandId: string | undefined): Promise<{ streamId: string; version: number }> {
    const encoded = encodeEvents(this.upcasters, streamId, 0, commandId, events, metadata, 0);
    // Asked before, because only es_event refuses an id that is there: a repeat whose events lie in the archive would be appended.
    const known = commandId === undefined ? undefined : await this.#versionOfAppend(encoded);
    if (known !== undefined) return { streamId, version: known };
    const outcome = await commit(this.pool, { streamId, expected, encoded, metadata });
    if (outcome.status !== 'appended') {
      const before = commandId === undefined ? undefined : await this.#versionOfAppend(encoded);
      if (before === undefined) throw new RejectionError(versionConflict(streamId, expected, outcome.version));
      return { streamId, version: before };
    }
    this.sequencer.wake();
    return { streamId, version: outcome.version };
  }

  /** The version that an append of these events came to; undefined where they were not appended. */
  async #versionOfAppend(encoded: readonly Encoded[]): Promise<number | undefined> {
    const { rows } = await this.pool.query<{ version: number }>(
      // Only an append's first event is found by its id.
      `SELECT l.version FROM es_history f JOIN es_history l ON l.stream_id = f.stream_id AND l.version = f.version + $2
       WHERE get_byte(uuid_send(f.event_id), 15) = 0 AND f.event_id = $1 AND l.event_id = $3`,
      [encoded[0]?.recorded.eventId, encoded.length - 1, encoded.at(-1)?.recorded.eventId],
    );
    return rows[0]?.version;
  }

  /** A stream's events from a version on (default 1), in order; empty where there is no such stream. */
  async readStream(streamId: string, fromVersion = 1): Promise<RecordedEvent[]> {
    const { rows } = await this.pool.query<EventRow>({
      name: 'es-read-stream',
      text: `SELECT ${HISTORY_COLUMNS} FROM es_history h WHERE h.stream_id = $1 AND h.version >= $2 ORDER BY h.version`,
      values: [streamId, fromVersion],
    });
    return rows.map((row) => toRecorded(this.upcasters, row));
  }

  /** At most `limit` events after a position, of all streams, in order; of the given types only, where given. */
  async readAll(afterPosition: bigint, limit: number, types?: readonly string[]): Promise<RecordedEvent[]> {
    return (await this.readPage(afterPosition, limit, types)).events;
  }

  /**
   * `readAll` with the head at the time of the read: a page shorter than `limit` has seen everything up to there. Inside
   * `tx`, where given.
   */
  async readPage(afterPosition: bigint, limit: number, types?: readonly string[], tx?: Tx): Promise<ReadPage> {
    const values = [afterPosition.toString(), types ?? null, limit];
    const read = tx === undefined ? await readRaw(this.pool, values) : (await tx.query<PageRow>(READ_ALL, values)).rows;
    return { head: BigInt(read[0]?.head ?? 0), events: read.filter((row) => row.position !== null).map((row) => toRecorded(this.upcasters, row)) };
  }

  /** Every event with this correlation id, in order: one request's path through this service. */
  async readCorrelated(correlationId: string): Promise<RecordedEvent[]> {
    const { rows } = await this.pool.query<EventRow>(
      `SELECT ${HISTORY_COLUMNS} FROM es_history h WHERE h.metadata->>'correlationId' = $1 AND h.position IS NOT NULL ORDER BY h.position`,
      [correlationId],
    );
    return rows.map((row) => toRecorded(this.upcasters, row));
  }

  /**
   * The command path: load, decide, append, in two round trips; decides again when somebody else was faster. On a stream that
   * nobody else wrote to lately it decides on what it remembers, and the append makes sure of that: one round trip. A refusal is a
   * value and changes nothing; `RejectionError`s thrown by `command` become one. Throws only for broken infrastructure.
   */
  async execute<S, C, E extends DomainEvent, A = undefined>(request: Execute<S, C, E, A>): Promise<Result<Executed<A>, Rejection>> {
    return tracedCommand(this.pool, request, async (traced) => {
      const outcome = await this.#lanes.run(request.streamId, () => executeCommand(this.#context(), traced));
      if (this.#onCommand) tellOutcome(this.#onCommand, traced, outcome);
      return outcome;
    });
  }

  /** A stream's present state from the cache and the events after it; version 0 where there is no such stream. Do not change it. */
  async state<S, C, E extends DomainEvent>(decider: Decider<S, C, E>, streamId: string): Promise<{ state: S; version: number }> {
    const { state, version } = await loadState(this.#context(), decider, streamId);
    return { state, version };
  }

  #context(): ExecuteContext {
    return { pool: this.pool, upcasters: this.upcasters, cache: this.#cache, clock: this.#clock, snapshots: this.#snapshots, wake: () => this.sequencer.wake() };
  }

  /** The last position given; 0n in an empty log. Numbers first what is committed and waits. */
  async headPosition(): Promise<bigint> {
    await this.sequencer.settle();
    const { rows } = await this.pool.query<{ head: string }>('SELECT es_head() AS head');
    return BigInt(rows[0]?.head ?? 0);
  }

  /** Position of a committed event; throws where the stream has no such version. */
  async positionOf(streamId: string, version: number): Promise<bigint> {
    await this.sequencer.settle();
    const { rows } = await this.pool.query<{ position: string }>(
      'SELECT h.position FROM es_history h WHERE h.stream_id = $1 AND h.version = $2 AND h.position IS NOT NULL', [streamId, version],
    );
    if (!rows[0]) throw new Error(`stream ${streamId} has no version ${version}`);
    return BigInt(rows[0].position);
  }

  /** Waits for the sequencer's pass and the snapshots under way. The pool stays its owner's. */
  async close(): Promise<void> {
    await this.#snapshots.idle();
    await this.sequencer.idle();
  }
}
