import pg, { type Pool } from 'pg';
import { bigintArray, intArray, jsonArray, textArray, uuidArray } from './binary-arrays.js';
import type { Encoded } from './codec.js';
import { errorCode } from './transaction.js';

/**
 * What the database says to an append; everything but `appended` has written nothing. `unsure` is said to appends with a
 * `clockMs` only: they have to be decided again on what the database says.
 */
export interface CommitOutcome {
  status: 'appended' | 'conflict' | 'key' | 'inbox' | 'event-id' | 'unsure';
  version: number;
}

/** An append as the database gets it; JSON as text. */
export interface PreparedAppend {
  streamId: string;
  /** -2 exists, -1 any, otherwise the exact version. */
  expected: number;
  encoded: readonly Encoded[];
  metadata: string;
  /** null: the database's clock at the append. */
  recordedAtMs: number | null;
  /** What the sender takes the database's clock to be; null where it was asked. */
  clockMs: number | null;
  key: string | null;
  inbox: string | null;
  effects: string | null;
}

interface Waiting {
  append: PreparedAppend;
  resolve: (outcome: CommitOutcome) => void;
  reject: (error: unknown) => void;
}

// The array functions hand over more per round trip, but everybody in a group waits for its slowest part.
const MAX_APPENDS = 64;
const MAX_EVENTS = 512;
// Rows are what such an append costs: a commit and a round trip of its own are little beside them, and nobody waits for them.
const LARGE_EVENTS = 32;
// A group that takes longer hangs in the network or in a disk: the next one need not wait for it.
const SLOW_MS = 50;

// The lock is tried inside the statement, whose snapshot may be older than the lock. That is enough where the version is exact:
// the row of that version is in the snapshot, so committed, and its insertion number drawn before this one; and whoever wrote
// the next version between snapshot and lock is found by the index, which then refuses the statement (ON CONFLICT would find it,
// too, at the price of every append being written twice: as a guess, then confirmed).
const EXACT = `
  WITH written AS (
    INSERT INTO es_event (stream_id, version, event_id, type, schema_version, data, metadata, recorded_at_ms)
    SELECT $1, $2::int + 1, $3::uuid, $4, $5::int, $6::json, $7::json, coalesce($8::bigint, es_now_ms())
    FROM (SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS locked OFFSET 0) l
    WHERE l.locked AND coalesce((SELECT e.version FROM es_event e WHERE e.stream_id = $1 ORDER BY e.version DESC LIMIT 1), 0) = $2
      AND ($9::bigint IS NULL OR abs(es_now_ms() - $9) <= 2000)
    RETURNING seq
  )
  INSERT INTO es_unsequenced (seq) SELECT seq FROM written`;
// The same for many events. Their numbers are drawn at once, under the lock, and are one range for the sequencer unless somebody
// else has drawn some in between; nothing is returned of what is written, and nothing is asked about each row.
const MANY = `
  WITH numbers AS MATERIALIZED (
    SELECT ARRAY(SELECT nextval('es_event_seq_seq') FROM generate_series(1, $9::int)) AS seqs, coalesce($8::bigint, es_now_ms()) AS at_ms
    FROM (SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS locked OFFSET 0) l
    WHERE l.locked AND coalesce((SELECT e.version FROM es_event e WHERE e.stream_id = $1 ORDER BY e.version DESC LIMIT 1), 0) = $2
      AND ($10::bigint IS NULL OR abs(es_now_ms() - $10) <= 2000)
  ), written AS (
    INSERT INTO es_event (seq, stream_id, version, event_id, type, schema_version, data, metadata, recorded_at_ms) OVERRIDING SYSTEM VALUE
    SELECT m.seqs[e.n], $1, $2::int + e.n, e.id, e.type, e.schema_version, e.data, $7::json, m.at_ms
    FROM numbers m, unnest($3::uuid[], $4::text[], $5::int[], $6::json[]) WITH ORDINALITY AS e (id, type, schema_version, data, n)
  )
  INSERT INTO es_unsequenced (seq, events)
  SELECT m.seqs[1], $9 FROM numbers m WHERE m.seqs[$9] - m.seqs[1] = $9 - 1
  UNION ALL
  SELECT min(s.seq), count(*) FROM (
    SELECT u.seq, u.seq - row_number() OVER (ORDER BY u.seq) AS island FROM numbers m, unnest(m.seqs) AS u (seq) WHERE m.seqs[$9] - m.seqs[1] <> $9 - 1
  ) s GROUP BY s.island`;
const ONE = 'SELECT es_append_one($1, $2, $3, $4, $5, $6, $7, $8) AS version';
const ALONE = 'SELECT status, version FROM es_append($1, $2, $3::uuid[], $4::text[], $5::int[], $6::text[], $7, $8, $9, $10, $11)';
const GROUP = 'SELECT status, version FROM es_append_group($1::text[], $2::int[], $3::json[], $4::bigint[], $5::bigint[], $6::json[], $7::json[], $8::json[], $9::int[], $10::uuid[], $11::text[], $12::int[], $13::json[])';

const groups = new WeakMap<Pool, GroupCommit>();

// Lost connection, end of the session or the server, failure inside the server: it may have been committed. By the code, because
// the severity is in the language of the server's messages.
const UNKNOWN_OUTCOME = /^(08|25P0|57P|58|XX)/;

/** A statement that PostgreSQL refused has written nothing; after a lost connection nobody knows. */
const isRefused = (error: unknown): boolean => error instanceof pg.DatabaseError && !UNKNOWN_OUTCOME.test(error.code ?? 'XX');

/** The race where the database had to raise instead of answering; the transaction is rolled back. */
function raised(error: unknown): CommitOutcome {
  const constraint = typeof error === 'object' && error !== null && 'constraint' in error ? error.constraint : undefined;
  if (errorCode(error) === 'SK001') return { status: 'key', version: 0 };
  if (constraint === 'es_event_id') return { status: 'event-id', version: 0 };
  throw error;
}

/** Events and nothing else. */
const isPlain = ({ encoded, key, inbox, effects }: PreparedAppend): boolean => encoded.length > 0 && key === null && inbox === null && effects === null;

/** Written by a statement of its own. */
const isLarge = (append: PreparedAppend): boolean => append.encoded.length >= LARGE_EVENTS && append.expected >= 0 && isPlain(append);

/** null where none of them is there. */
const maybeJson = (texts: readonly (string | null)[]): Buffer | null => (texts.every((text) => text === null) ? null : jsonArray(texts));

/** Ids, types, schema versions and data. */
const eventArrays = (encoded: readonly Encoded[]): Buffer[] => [
  uuidArray(encoded.map(({ recorded }) => recorded.eventId)), textArray(encoded.map(({ recorded }) => recorded.type)),
  intArray(encoded.map(({ recorded }) => recorded.schemaVersion)), jsonArray(encoded.map(({ text }) => text)),
];

function groupValues(appends: readonly PreparedAppend[]): unknown[] {
  return [
    textArray(appends.map(({ streamId }) => streamId)), intArray(appends.map(({ expected }) => expected)), jsonArray(appends.map(({ metadata }) => metadata)),
    bigintArray(appends.map(({ recordedAtMs }) => recordedAtMs)), bigintArray(appends.map(({ clockMs }) => clockMs)),
    maybeJson(appends.map(({ key }) => key)), maybeJson(appends.map(({ inbox }) => inbox)), maybeJson(appends.map(({ effects }) => effects)),
    intArray(appends.map(({ encoded }) => encoded.length)), ...eventArrays(appends.flatMap(({ encoded }) => encoded)),
  ];
}

/**
 * Writes appends, one transaction for those of several streams that come while earlier ones are under way. An append that
 * comes alone goes at once; under load a commit and a round trip are shared by many. What cannot go with others (the stream
 * is locked by somebody else, or the group's statement was refused) goes alone and waits by itself, but never on the last
 * connections: those are for groups and for reads.
 */
export class GroupCommit {
  readonly #pool: Pool;
  readonly #slots: number;
  readonly #connectionsMax: number;
  readonly #aloneMax: number;
  #queue: Waiting[] = [];
  #aloneQueue: Waiting[] = [];
  #underWay = 0;
  /** Connections in use, also by groups that have given their slot back, and by those that go alone. */
  #connections = 0;
  #goingAlone = 0;
  #flush: NodeJS.Immediate | undefined;
  /** Whether the last group was one append, with nobody behind it. */
  #solitary = false;

  private constructor(pool: Pool) {
    this.#pool = pool;
    // Half of the connections: reads and checkpoints go on beside a burst of appends.
    const max = pool.options.max ?? 10;
    this.#slots = Math.max(1, Math.floor(max / 2));
    this.#connectionsMax = Math.max(1, max - 1);
    // Who goes alone may wait for a lock as long as a statement may take; the other streams' appends go on beside them.
    this.#aloneMax = Math.max(1, this.#connectionsMax - 1);
  }

  /** The one of this pool. */
  static of(pool: Pool): GroupCommit {
    const known = groups.get(pool) ?? new GroupCommit(pool);
    groups.set(pool, known);
    return known;
  }

  /** Resolves when the append is committed or refused; rejects where the outcome is unknown or the data is not acceptable. */
  commit(append: PreparedAppend): Promise<CommitOutcome> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ append, resolve, reject });
      // Who came alone before most likely comes alone again, and need not wait for company.
      if (this.#solitary && this.#connections === 0 && this.#flush === undefined) this.#send();
      else this.#sendSoon();
    });
  }

  /** Slow groups leave their slots to others, but never the last connection: whatever holds them up, reads must go on. */
  get #hasRoom(): boolean {
    return this.#underWay < this.#slots && this.#connections < this.#connectionsMax;
  }

  /** After what else arrives in the same packet: the answers to one group make the next one. */
  #sendSoon(): void {
    if (this.#hasRoom && this.#queue.length > 0) this.#flush ??= setImmediate(() => this.#send());
  }

  #send(): void {
    this.#flush = undefined;
    while (this.#hasRoom && this.#queue.length > 0) {
      const group = this.#take();
      this.#solitary = group.length === 1 && this.#queue.length === 0;
      const leave = this.#enter();
      void this.#write(group).finally(leave);
    }
  }

  /** Takes a slot and a connection; the returned function gives them back. The slot goes sooner where that takes long. */
  #enter(): () => void {
    this.#underWay += 1;
    this.#connections += 1;
    let inside = true;
    const leaveSlot = (): void => {
      if (inside) this.#underWay -= 1;
      inside = false;
      this.#sendSoon();
    };
    const slow = setTimeout(leaveSlot, SLOW_MS);
    return () => {
      clearTimeout(slow);
      this.#connections -= 1;
      this.#sendAlone();
      leaveSlot();
    };
  }

  /** The next group: in order of arrival, each stream once. */
  #take(): Waiting[] {
    const group: Waiting[] = [];
    const later: Waiting[] = [];
    const streams = new Set<string>();
    const alone = this.#queue[0] !== undefined && isLarge(this.#queue[0].append);
    let events = 0;
    for (const waiting of this.#queue) {
      const { streamId, encoded } = waiting.append;
      const fits = group.length === 0 || (group.length < MAX_APPENDS && events + encoded.length <= MAX_EVENTS && !streams.has(streamId) && !alone && !isLarge(waiting.append));
      if (fits) events += encoded.length;
      // What stays behind keeps its place before later ones of its stream.
      streams.add(streamId);
      (fits ? group : later).push(waiting);
    }
    this.#queue = later;
    return group;
  }

  async #write(group: readonly Waiting[]): Promise<void> {
    const answers = await this.#attempt(group).catch((error: unknown) => error);
    if (!Array.isArray(answers)) {
      if (isRefused(answers)) for (const waiting of group) this.#goAlone(waiting);
      else for (const { reject } of group) reject(answers);
      return;
    }
    for (const [index, waiting] of group.entries()) {
      const outcome = answers[index] as CommitOutcome | undefined;
      if (outcome === undefined) this.#goAlone(waiting);
      else waiting.resolve(outcome);
    }
  }

  /** Outcomes in the order of the group; undefined where an append has to go alone. */
  #attempt(group: readonly Waiting[]): Promise<(CommitOutcome | undefined)[]> {
    const [first, ...others] = group;
    if (first === undefined || others.length > 0 || !isPlain(first.append)) return this.#together(group);
    if (first.append.encoded.length === 1) return this.#one(first.append);
    return first.append.expected >= 0 ? this.#many(first.append) : this.#together(group);
  }

  /** Several events and nothing else, at an exact version. */
  async #many({ streamId, expected, encoded, metadata, recordedAtMs, clockMs }: PreparedAppend): Promise<(CommitOutcome | undefined)[]> {
    const { rowCount } = await this.#pool.query({ name: 'es-append-many', text: MANY, values: [streamId, expected, ...eventArrays(encoded), metadata, recordedAtMs, encoded.length, clockMs] });
    return [rowCount === 0 ? undefined : { status: 'appended', version: expected + encoded.length }];
  }

  /** One event and nothing else. */
  async #one(append: PreparedAppend): Promise<(CommitOutcome | undefined)[]> {
    const { streamId, expected, encoded: [event], metadata, recordedAtMs, clockMs } = append;
    if (event === undefined) return [undefined];
    const { eventId, type, schemaVersion } = event.recorded;
    const values = [streamId, expected, eventId, type, schemaVersion, event.text, metadata, recordedAtMs];
    if (expected >= 0) {
      const { rowCount } = await this.#pool.query({ name: 'es-append-exact', text: EXACT, values: [...values, clockMs] });
      return [rowCount === 1 ? { status: 'appended', version: expected + 1 } : undefined];
    }
    const { rows } = await this.#pool.query<{ version: number | null }>({ name: 'es-append-one', text: ONE, values });
    const version = rows[0]?.version ?? null;
    if (version === null) return [undefined];
    return [version > 0 ? { status: 'appended', version } : { status: 'conflict', version: -1 - version }];
  }

  async #together(group: readonly Waiting[]): Promise<(CommitOutcome | undefined)[]> {
    const { rows } = await this.#pool.query<{ status: CommitOutcome['status'] | 'busy' | 'clock'; version: number }>({
      name: 'es-append-group', text: GROUP, values: groupValues(group.map(({ append }) => append)),
    });
    return rows.map(({ status, version }) => (status === 'busy' || status === 'clock' ? undefined : { status, version }));
  }

  #goAlone(waiting: Waiting): void {
    // Decided on what this process remembers: it has to be decided again first.
    if (waiting.append.clockMs !== null) return waiting.resolve({ status: 'unsure', version: 0 });
    this.#aloneQueue.push(waiting);
    this.#sendAlone();
  }

  #sendAlone(): void {
    while (this.#goingAlone < this.#aloneMax && this.#connections < this.#connectionsMax) {
      const next = this.#aloneQueue.shift();
      if (next === undefined) return;
      this.#goingAlone += 1;
      this.#connections += 1;
      void this.#writeAlone(next).finally(() => {
        this.#goingAlone -= 1;
        this.#connections -= 1;
        this.#sendAlone();
        this.#sendSoon();
      });
    }
  }

  /** In a transaction of its own, and waiting for the stream's lock. */
  async #writeAlone({ append, resolve, reject }: Waiting): Promise<void> {
    const { streamId, expected, encoded, metadata, recordedAtMs, key, inbox, effects } = append;
    const recorded = encoded.map((event) => event.recorded);
    const values = [
      streamId, expected, recorded.map(({ eventId }) => eventId), recorded.map(({ type }) => type), recorded.map(({ schemaVersion }) => schemaVersion),
      encoded.map(({ text }) => text), metadata, recordedAtMs, key, inbox, effects,
    ];
    await this.#pool
      .query<CommitOutcome>({ name: 'es-append', text: ALONE, values })
      .then(({ rows }) => {
        if (rows[0] === undefined) throw new Error('es_append answered nothing');
        return rows[0];
      }, raised)
      .then(resolve, reject);
  }
}
