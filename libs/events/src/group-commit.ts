import type { Pool } from 'pg';
import type { Encoded } from './codec.js';
import { errorCode } from './transaction.js';

/** What the database says to an append; everything but `appended` has written nothing. */
export interface CommitOutcome {
  status: 'appended' | 'conflict' | 'key' | 'inbox' | 'event-id';
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
// A group that takes longer hangs in the network or in a disk: the next one need not wait for it.
const SLOW_MS = 50;

const ONE = 'SELECT es_append_one($1, $2, $3, $4, $5, $6, $7, $8) AS version';
const ALONE = 'SELECT status, version FROM es_append($1, $2, $3::uuid[], $4::text[], $5::int[], $6::text[], $7, $8, $9, $10, $11)';
const GROUP = 'SELECT status, version FROM es_append_group($1::text[], $2::int[], $3, $4::bigint[], $5, $6, $7, $8::int[], $9::int[], $10::uuid[], $11::text[], $12::int[], $13)';

const groups = new WeakMap<Pool, GroupCommit>();

/** A statement that PostgreSQL refused has written nothing; after a lost connection nobody knows. */
const isRefused = (error: unknown): boolean => typeof error === 'object' && error !== null && 'severity' in error && error.severity === 'ERROR';

/** The race where the database had to raise instead of answering; the transaction is rolled back. */
function raised(error: unknown): CommitOutcome {
  const constraint = typeof error === 'object' && error !== null && 'constraint' in error ? error.constraint : undefined;
  if (errorCode(error) === 'SK001') return { status: 'key', version: 0 };
  if (constraint === 'es_event_id') return { status: 'event-id', version: 0 };
  throw error;
}

const isPlain = ({ encoded, key, inbox, effects }: PreparedAppend): boolean => encoded.length === 1 && key === null && inbox === null && effects === null;

// Arrays of numbers and UUIDs need no quotes; the driver would look at each one.
const plainArray = (values: readonly (number | string | null)[]): string => `{${values.map((value) => value ?? 'NULL').join()}}`;

/** A JSON array of JSON texts; null where there is none among them. */
const jsonArray = (texts: readonly (string | null)[]): string | null => (texts.every((text) => text === null) ? null : `[${texts.map((text) => text ?? 'null').join()}]`);

function groupValues(appends: readonly PreparedAppend[]): unknown[] {
  const events = appends.flatMap(({ encoded }) => encoded);
  return [
    appends.map(({ streamId }) => streamId), plainArray(appends.map(({ expected }) => expected)), jsonArray(appends.map(({ metadata }) => metadata)),
    plainArray(appends.map(({ recordedAtMs }) => recordedAtMs)),
    jsonArray(appends.map(({ key }) => key)), jsonArray(appends.map(({ inbox }) => inbox)), jsonArray(appends.map(({ effects }) => effects)),
    plainArray(appends.flatMap(({ encoded }, index) => encoded.map(() => index + 1))), plainArray(appends.flatMap(({ encoded }) => encoded.map((_, nth) => nth + 1))),
    plainArray(events.map(({ recorded }) => recorded.eventId)), events.map(({ recorded }) => recorded.type), plainArray(events.map(({ recorded }) => recorded.schemaVersion)),
    `[${events.map(({ text }) => text).join()}]`,
  ];
}

/**
 * Writes appends, one transaction for those of several streams that come while earlier ones are under way. An append that
 * comes alone goes at once; under load a commit and a round trip are shared by many. What cannot go with others (the stream
 * is locked by somebody else, or the group's statement was refused) goes alone and waits by itself.
 */
export class GroupCommit {
  readonly #pool: Pool;
  readonly #slots: number;
  #queue: Waiting[] = [];
  #underWay = 0;
  #flush: NodeJS.Immediate | undefined;

  private constructor(pool: Pool) {
    this.#pool = pool;
    // Half of the connections: reads and checkpoints go on beside a burst of appends.
    this.#slots = Math.max(1, Math.floor((pool.options.max ?? 10) / 2));
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
      // After what else arrived in the same packet: the answers to one group make the next one.
      if (this.#underWay < this.#slots) this.#flush ??= setImmediate(() => this.#send());
    });
  }

  #send(): void {
    this.#flush = undefined;
    while (this.#underWay < this.#slots && this.#queue.length > 0) {
      const group = this.#take();
      const leave = this.#enter();
      void this.#write(group).finally(leave);
    }
  }

  /** Takes a slot; the returned function gives it back, once, unless the time for that has passed already. */
  #enter(): () => void {
    this.#underWay += 1;
    let inside = true;
    const leave = (): void => {
      clearTimeout(slow);
      if (!inside) return;
      inside = false;
      this.#underWay -= 1;
      if (this.#queue.length > 0) this.#flush ??= setImmediate(() => this.#send());
    };
    const slow = setTimeout(leave, SLOW_MS);
    return leave;
  }

  /** The next group: in order of arrival, each stream once. */
  #take(): Waiting[] {
    const group: Waiting[] = [];
    const later: Waiting[] = [];
    const streams = new Set<string>();
    let events = 0;
    for (const waiting of this.#queue) {
      const { streamId, encoded } = waiting.append;
      const fits = group.length === 0 || (group.length < MAX_APPENDS && events + encoded.length <= MAX_EVENTS && !streams.has(streamId));
      if (fits) events += encoded.length;
      // What stays behind keeps its place before later ones of its stream.
      streams.add(streamId);
      (fits ? group : later).push(waiting);
    }
    this.#queue = later;
    return group;
  }

  async #write(group: readonly Waiting[]): Promise<void> {
    const [first] = group;
    const answers = await (group.length === 1 && first !== undefined && isPlain(first.append) ? this.#one(first.append) : this.#together(group)).catch((error: unknown) => error);
    if (!Array.isArray(answers)) {
      if (isRefused(answers)) for (const waiting of group) this.#alone(waiting);
      else for (const { reject } of group) reject(answers);
      return;
    }
    for (const [index, waiting] of group.entries()) {
      const outcome = answers[index] as CommitOutcome | undefined;
      if (outcome === undefined) this.#alone(waiting);
      else waiting.resolve(outcome);
    }
  }

  /** Outcome of an append of one event and nothing else; undefined where the stream is locked. */
  async #one({ streamId, expected, encoded, metadata, recordedAtMs }: PreparedAppend): Promise<(CommitOutcome | undefined)[]> {
    const [event] = encoded;
    if (event === undefined) return [undefined];
    const { eventId, type, schemaVersion } = event.recorded;
    const { rows } = await this.#pool.query<{ version: number | null }>({
      name: 'es-append-one', text: ONE, values: [streamId, expected, eventId, type, schemaVersion, event.text, metadata, recordedAtMs],
    });
    const version = rows[0]?.version ?? null;
    if (version === null) return [undefined];
    return [version > 0 ? { status: 'appended', version } : { status: 'conflict', version: -1 - version }];
  }

  async #together(group: readonly Waiting[]): Promise<(CommitOutcome | undefined)[]> {
    const { rows } = await this.#pool.query<{ status: CommitOutcome['status'] | 'busy'; version: number }>({
      name: 'es-append-group', text: GROUP, values: groupValues(group.map(({ append }) => append)),
    });
    return rows.map(({ status, version }) => (status === 'busy' ? undefined : { status, version }));
  }

  /** In a transaction of its own, and waiting for the stream's lock. */
  #alone({ append, resolve, reject }: Waiting): void {
    const { streamId, expected, encoded, metadata, recordedAtMs, key, inbox, effects } = append;
    const recorded = encoded.map((event) => event.recorded);
    const values = [
      streamId, expected, recorded.map(({ eventId }) => eventId), recorded.map(({ type }) => type), recorded.map(({ schemaVersion }) => schemaVersion),
      encoded.map(({ text }) => text), metadata, recordedAtMs, key, inbox, effects,
    ];
    this.#pool
      .query<CommitOutcome>({ name: 'es-append', text: ALONE, values })
      .then(({ rows }) => {
        if (rows[0] === undefined) throw new Error('es_append answered nothing');
        return rows[0];
      }, raised)
      .then(resolve, reject);
  }
}
