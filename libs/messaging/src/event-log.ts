/**
 * One fact as other services see it. `id` is unique per topic (the domain event's id), `key` is the stream id and decides
 * the partition, `type` is `skein.<context>.<noun>.<past-tense>.v1`, `timeMs` epoch milliseconds of the decision, `value`
 * the protobuf of that type's message, `headers` CloudEvents 1.0 binary mode plus trace context (see `headers.ts`).
 */
export interface PublicMessage {
  readonly topic: string;
  readonly key: string;
  readonly id: string;
  readonly type: string;
  readonly timeMs: number;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** A message as it lies in the log: `offset` is gapless from 0 within the partition. */
export interface ReceivedMessage extends PublicMessage {
  readonly partition: number;
  readonly offset: bigint;
}

/** Where a message lies in the log. */
export type Place = Pick<ReceivedMessage, 'topic' | 'partition' | 'offset'>;

/** A topic of the manifest `proto/topics.yaml`. The partition count is fixed once: changing it would break order per key. */
export interface TopicSpec {
  readonly topic: string;
  readonly partitions: number;
  readonly retention: 'infinite' | 'compact';
}

/** A topic as a log has it. `expiring`: somebody has set it to forget messages, which the manifest never asks for. */
export interface TopicState {
  readonly topic: string;
  readonly partitions: number;
  readonly retention: TopicSpec['retention'] | 'expiring';
}

/** How far a group is behind in one partition: `lag` messages between `committed` (next to be processed) and `head` (next to be written). */
export interface Lag {
  readonly topic: string;
  readonly partition: number;
  readonly committed: bigint;
  readonly head: bigint;
  readonly lag: bigint;
}

/** A live member of a group, as the log knows it. */
export interface MemberState {
  readonly member: string;
  /** `host:pid` of its process; another program's member may tell something else, or nothing. */
  readonly process: string;
  readonly assignment: readonly { readonly topic: string; readonly partition: number }[];
  /** Milliseconds since it came; undefined where nobody can tell. */
  readonly ageMs: number | undefined;
}

/**
 * Messages of one partition in offset order. Whoever handles it calls `resolve(message)` when everything up to and including
 * that message is done; what is resolved when the handler returns or throws is committed, the rest is delivered again.
 * `signal` aborts when the partition is being taken away or the consumer stops: finish the message at hand, start no other.
 */
export interface PartitionBatch {
  readonly topic: string;
  readonly partition: number;
  readonly messages: readonly ReceivedMessage[];
  readonly signal: AbortSignal;
  resolve(message: ReceivedMessage): void;
}

/** What `EventLog.consume` needs. A new group begins at the beginning; batches of one partition never overlap. */
export interface ConsumeOptions {
  readonly group: string;
  readonly topics: readonly string[];
  /** Most messages in a batch; default 100. A batch also ends at about 1 MiB. */
  readonly batchMax?: number;
  onBatch(batch: PartitionBatch): Promise<void>;
}

/** A member of a consumer group. */
export interface LogConsumer {
  /** Partitions this member holds now. */
  assignment(): readonly { readonly topic: string; readonly partition: number }[];
  /** Stops delivery of a partition until `resume`; the partition stays assigned. */
  pause(topic: string, partition: number): void;
  resume(topic: string, partition: number): void;
  /** Replays from (or skips to) an offset; only on the member that holds the partition, else it throws. */
  seek(topic: string, partition: number, offset: bigint): Promise<void>;
  /** False once stopped or crashed: a dead consumer must fail liveness. */
  alive(): boolean;
  /** Finishes the messages at hand, commits, leaves the group. */
  stop(): Promise<void>;
}

/**
 * The event log between services: an embedded one on PostgreSQL, or Kafka, all under `eventLogContract`. Delivery is at
 * least once and in order per key; consumers remove duplicates by inbox.
 */
export interface EventLog {
  /**
   * Durable when it resolves. Throws `RejectionError` (`message-too-large`, `unknown-topic`) before anything is written. A log that
   * goes away in between may have taken a part (in order per key) when it throws, as it may have taken all: send all again.
   */
  send(messages: readonly PublicMessage[]): Promise<void>;
  consume(options: ConsumeOptions): Promise<LogConsumer>;
  /** Lag per partition of every topic the group has ever consumed. */
  lag(group: string): Promise<Lag[]>;
  /** The live members of a group, whatever process they are in; undefined, or left out, where an adapter cannot tell. */
  members?(group: string): Promise<readonly MemberState[] | undefined>;
  /** The topics that there are, for `planTopics`; an adapter that cannot tell leaves it out. */
  topics?(): Promise<readonly TopicState[]>;
  /** The message of one place; undefined where the log has none there (any more). An adapter that cannot read one alone leaves it out. */
  read?(place: Place): Promise<ReceivedMessage | undefined>;
  /** Idempotent; also brings a topic's retention to what is asked; another partition count for an existing topic is refused. */
  createTopics(specs: readonly TopicSpec[]): Promise<void>;
  /** Stops the consumers made here and lets the connections go. */
  close(): Promise<void>;
}

/** Most bytes of key, headers and value together: 1 MiB. Bigger things are artifacts. */
export const MESSAGE_BYTES_MAX = 1024 * 1024;
