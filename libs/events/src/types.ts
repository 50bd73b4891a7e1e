import type { Decider, DomainEvent } from '@skein/kernel';

/** Expected version of a stream: a number is the exact current version (the first event is version 1; 0 equals `'none'`). */
export type Expected = 'any' | 'none' | 'exists' | number;

/** What is known about an event besides its data; stored with it as JSON. */
export interface EventMetadata {
  correlationId: string;
  causationId?: string;
  actor: string;
  tenant?: string;
  traceparent?: string;
  /** Contexts of other traces that end in this event, such as those of all submissions of the epoch that it closes. */
  links?: readonly string[];
  idempotencyKey?: string;
}

/** An event as stored. `position` is 0n on events just appended: the sequencer numbers them after the commit. */
export interface RecordedEvent<E extends DomainEvent = DomainEvent> {
  streamId: string;
  /** 1 for a stream's first event, without gaps. */
  version: number;
  /** Global order, from 1, without gaps. */
  position: bigint;
  /** UUIDv8: a hash of stream and command id with the index in its last four bytes, so that a retried command makes the same ids; of a command without an id the time and random bits. */
  eventId: string;
  type: E['type'];
  schemaVersion: number;
  data: E['data'];
  metadata: EventMetadata;
  /** Database clock; for events of `execute` the `nowMs` that the command was given. */
  recordedAtMs: number;
}

/** The events of a union as recorded, so that `switch (event.type)` narrows `data`. */
export type Recorded<E extends DomainEvent> = E extends DomainEvent ? RecordedEvent<E> : never;

export type { Upcasters } from '@skein/kernel';

/** What a function gets that works inside an open transaction: a `pg` client, by its `query` alone. */
export interface Tx {
  query<R extends object = Record<string, unknown>>(text: string, values?: unknown[]): Promise<{ rows: R[]; rowCount: number | null }>;
}

/** Idempotency key of a command. Keys live 7 days, or for ever (money). */
export interface CommandKey {
  scope: string;
  key: string;
  requestHash: string;
  forever?: boolean;
}

/** A delivered message that must take effect once per consumer. */
export interface InboxEntry {
  consumer: string;
  messageId: string;
}

/** Work written in the transaction of the events that ask for it. A job id is used once; a timer id again replaces the timer. */
export type Effect =
  | { job: { id: string; kind: string; payload: unknown } }
  | { timer: { id: string; kind: string; dueAtMs: number; payload: unknown } }
  | { cancelTimer: { id: string } };

/** One command on one stream. */
export interface Execute<S, C, E extends DomainEvent, A = undefined> {
  decider: Decider<S, C, E>;
  streamId: string;
  /** Makes the command from the database's clock, the state and the stream's version; may read ports; runs again after a conflict. */
  command: (nowMs: number, state: S, version: number) => C | Promise<C>;
  metadata: EventMetadata;
  /** Same key and hash: the stored answer. Same key, other hash: `conflict`, rule `idempotency-key-reused`. Refusals are not stored. */
  key?: CommandKey;
  /** Seen before: `duplicate: true` and no effect. */
  inbox?: InboxEntry;
  /** Jobs and timers to write in the same transaction; `state` is the one after the events. */
  effects?: (events: Recorded<E>[], state: S) => Effect[];
  /** Contexts of other traces that end in the decided events; stored with them as links, without repetitions and at most 128. */
  links?: (events: readonly E[]) => Promise<readonly string[]> | undefined;
  /** JSON plus bigint, stored with the key; `state` is the one after the events. */
  answer?: (state: S, events: Recorded<E>[]) => A;
}

/** Outcome of a command that was not refused. `events` is empty for a duplicate and where nothing had to happen. */
export interface Executed<A> {
  streamId: string;
  version: number;
  answer: A | undefined;
  duplicate: boolean;
  events: RecordedEvent[];
}

/** How a command ended: what a log may say of it. */
export interface CommandOutcome {
  streamId: string;
  /** `ok`, `duplicate`, or the refusal's code. */
  outcome: string;
  rule?: string;
  /** The stream's version afterwards. */
  version?: number;
  types?: readonly string[];
  correlationId: string;
  causationId?: string;
}

/** A read model: a pure function of events into tables of the PostgreSQL schema `name`. Queries say `"name".table`. */
export interface Projection {
  /** Also the schema's name: `[a-z][a-z0-9_]*`, at most 40 characters. */
  name: string;
  /** Raise it with every change of `tables` or `apply`: the projection is then rebuilt at start, beside the live one. */
  version: number;
  /** `CREATE TABLE …; CREATE INDEX …` with unqualified names. */
  tables: string;
  types?: readonly string[];
  /** Writes with unqualified names (`search_path` is set); reads nothing but its own tables; no clock, no randomness. */
  apply(tx: Tx, event: RecordedEvent): Promise<void>;
  /**
   * The same for many events at once, in their order, for projections of logs so long that a round trip per event would make a
   * rebuild slow: rows like those of `apply` event by event, with as few statements as possible. Used instead of it.
   */
  applyBatch?(tx: Tx, events: readonly RecordedEvent[]): Promise<void>;
}

/** Turns an event into a command. Delivered at least once, in order; use `event.eventId` as key or inbox id of the command it gives. */
export interface Reactor {
  name: string;
  types?: readonly string[];
  handle(event: RecordedEvent): Promise<void>;
}

/** Moves a subscription's checkpoint to `position` by compare-and-set, in one transaction with `effect`'s rows. */
export type Advance = (position: bigint, effect?: (tx: Tx) => Promise<void>) => Promise<void>;

/** Where a subscription's events go. `deliver` gets them in order, repeats after a crash, and must call `advance` for what is done. */
export interface Sink {
  kind: 'projection' | 'reactor' | 'publication';
  /** Unique in the database; names the checkpoint. */
  name: string;
  types?: readonly string[];
  /** Runs at start and again until it succeeds, before the first delivery. */
  prepare?(): Promise<void>;
  /** Asked on a standby: whether what the process with the lease delivers to is of use to this one. Default: it is. */
  usable?(): Promise<boolean>;
  deliver(events: RecordedEvent[], advance: Advance): Promise<void>;
}

/** A leased job as its handler sees it. */
export interface Job {
  id: string;
  kind: string;
  payload: unknown;
  /** 1 on the first try; a job taken over from a dead worker counts on. */
  attempts: number;
  /** What the last `heartbeat(progress)` of any attempt stored. */
  progress: unknown;
}

/** A durable timer that is due. */
export interface DueTimer {
  id: string;
  kind: string;
  dueAtMs: number;
  payload: unknown;
  attempts: number;
}

/** Receives what background loops could not do; they go on with back-off. `where` names the loop. */
export type ReportError = (error: unknown, where: string) => void;
