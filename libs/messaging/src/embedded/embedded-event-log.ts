import { SystemIds, type IdSource } from '@skein/kernel';
import pg from 'pg';
import type { ConsumeOptions, EventLog, Lag, LogConsumer, MemberState, Place, PublicMessage, ReceivedMessage, TopicSpec } from '../event-log.js';
import { checkedBytes, unknownTopic } from '../message-size.js';
import { partitionOf } from '../partitioner.js';
import { GroupMember } from './group-member.js';
import { LogDatabase, type PartitionRow, type StoredMessage } from './log-database.js';
import type { ReportError } from './partition-loop.js';
import { Repeater } from './repeater.js';
import { WakeLine } from './wake-line.js';

/** Settings of the embedded log; all times in milliseconds. */
export interface EmbeddedEventLogOptions {
  /** Connection string of the log's own database, migrated with `eventLogMigrations`. */
  readonly url: string;
  /** A member that was not heard of for this long loses its partitions. Default 10 000. */
  readonly leaseMs?: number;
  /** Default a third of the lease. */
  readonly heartbeatMs?: number;
  /** The slow poll behind the notifications. Default 2 000. */
  readonly pollMs?: number;
  /** Default 4. */
  readonly connectionsMax?: number;
  /**
   * No query takes this long; a connection that lost its peer without a word would otherwise hold up a loop for ever.
   * Default 30 000.
   */
  readonly queryTimeoutMs?: number;
  readonly ids?: IdSource;
  readonly onError?: ReportError;
}

const QUERY_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * The event log on PostgreSQL, for the all-in-one and for tests: durable, asynchronous, at least once, in order per key;
 * redelivers after a crash and rebalances, as Kafka does. Every message is kept, also in compact topics. One instance serves all services of a process: it keeps one
 * listening connection, a small pool, one heartbeat and one slow poll for all its consumers together.
 */
export class EmbeddedEventLog implements EventLog {
  readonly #pool: pg.Pool;
  readonly #db: LogDatabase;
  readonly #ids: IdSource;
  readonly #report: ReportError;
  readonly #leaseMs: number;
  readonly #line: WakeLine;
  readonly #beat: Repeater;
  readonly #poll: Repeater;
  readonly #members = new Set<GroupMember>();
  #topics: ReadonlyMap<string, readonly PartitionRow[]> = new Map();
  #closing: Promise<void> | undefined;

  constructor(options: EmbeddedEventLogOptions) {
    this.#report = options.onError ?? (() => undefined);
    this.#ids = options.ids ?? new SystemIds();
    this.#leaseMs = options.leaseMs ?? 10_000;
    this.#pool = new pg.Pool({
      connectionString: options.url, max: options.connectionsMax ?? 4, application_name: 'skein-log', keepAlive: true,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS, query_timeout: options.queryTimeoutMs ?? QUERY_TIMEOUT_MS,
    });
    this.#pool.on('error', (error) => this.#report(error, 'pool'));
    this.#db = new LogDatabase(this.#pool);
    this.#beat = new Repeater(() => this.#rebalance(), options.heartbeatMs ?? Math.floor(this.#leaseMs / 3), this.#report);
    this.#poll = new Repeater(() => this.#pollHeads(), options.pollMs ?? 2_000, this.#report);
    const events = {
      heads: (heads: ReadonlyMap<number, bigint>) => this.#wake(heads),
      group: (group: string) => {
        if ([...this.#members].some(({ row }) => row.group === group)) this.#beat.nudge();
      },
      reconnected: () => {
        this.#poll.nudge();
        this.#beat.nudge();
      },
    };
    this.#line = new WakeLine(options.url, this.#ids.uuidV7(), events, (channel, payload) => this.#db.notify(channel, payload), this.#report);
  }

  async send(messages: readonly PublicMessage[]): Promise<void> {
    if (messages.length === 0) return;
    const stored: StoredMessage[] = [];
    for (const message of messages) stored.push(await this.#prepare(message));
    const heads = await this.#db.append(stored);
    this.#wake(heads);
    this.#line.tellHeads(heads);
  }

  async consume(options: ConsumeOptions): Promise<LogConsumer> {
    if (this.#closing !== undefined) throw new Error('the event log is closed');
    for (const topic of options.topics) await this.#partitionsOf(topic);
    await this.#db.ensureLeases(options.group, options.topics);
    const host = { db: this.#db, report: this.#report, groupChanged: (group: string) => this.#groupChanged(group), left: (member: GroupMember) => void this.#members.delete(member) };
    const member = new GroupMember(host, options, `${options.group}/${this.#ids.uuidV7()}`);
    this.#members.add(member);
    await this.#line.listen();
    this.#beat.start();
    this.#poll.start();
    try {
      await this.#beat.now();
    } catch (error) {
      await member.stop();
      throw error;
    }
    this.#line.tellGroup(options.group);
    return member;
  }

  lag(group: string): Promise<Lag[]> {
    return this.#db.lag(group);
  }

  members(group: string): Promise<MemberState[]> {
    return this.#db.members(group);
  }

  topics(): Promise<TopicSpec[]> {
    return this.#db.topics();
  }

  async read({ topic, partition, offset }: Place): Promise<ReceivedMessage | undefined> {
    const row = (await this.#partitionsOf(topic)).find((each) => each.partition === partition);
    const [found] = row === undefined ? [] : await this.#db.fetch(row, offset, 1, 0);
    return found?.offset === offset ? found : undefined;
  }

  async createTopics(specs: readonly TopicSpec[]): Promise<void> {
    for (const spec of specs) {
      const partitions = await this.#db.createTopic(spec);
      if (partitions !== spec.partitions) throw new Error(`topic ${spec.topic} has ${partitions} partitions for ever, not ${spec.partitions}`);
    }
    await this.#loadTopics();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#members].map((member) => member.stop()));
    await Promise.all([this.#beat.stop(), this.#poll.stop()]);
    await this.#line.close();
    await this.#pool.end();
  }

  async #prepare(message: PublicMessage): Promise<StoredMessage> {
    const sizeBytes = checkedBytes(message);
    const partitions = await this.#partitionsOf(message.topic);
    const partitionId = partitions[partitionOf(message.key, partitions.length)]!.id;
    const { key, id, type, timeMs, value } = message;
    return { partitionId, key, id, type, timeMs, headers: JSON.stringify(message.headers), value, sizeBytes };
  }

  async #partitionsOf(topic: string): Promise<readonly PartitionRow[]> {
    if (!this.#topics.has(topic)) await this.#loadTopics();
    const partitions = this.#topics.get(topic);
    if (partitions === undefined) throw unknownTopic(topic);
    return partitions;
  }

  async #loadTopics(): Promise<void> {
    this.#topics = Map.groupBy(await this.#db.partitions(), ({ topic }) => topic);
  }

  #groupChanged(group: string): void {
    this.#beat.nudge();
    this.#line.tellGroup(group);
  }

  /** Beats for all members of the process, then lets each compare what it should hold with what it holds. */
  async #rebalance(): Promise<void> {
    const members = [...this.#members].filter((member) => member.alive());
    if (members.length === 0) return;
    const { session } = this.#line;
    await this.#db.heartbeat(members.map(({ row }) => row), this.#leaseMs, session);
    const groups = [...new Set(members.map(({ row }) => row.group))];
    const roster = await this.#db.roster(groups);
    // A half-open line: its session has ended, only the server knows. Every beat would bury its own members, for ever.
    if (session !== undefined && !roster.some(({ member }) => members.some(({ row }) => row.member === member))) return this.#line.renew(session);
    const leases = await this.#db.leases(groups);
    for (const member of members) await member.reconcile(leases, roster);
  }

  async #pollHeads(): Promise<void> {
    const held = new Set([...this.#members].flatMap((member) => [...member.held()]));
    if (held.size > 0) this.#wake(await this.#db.heads([...held]));
  }

  #wake(heads: ReadonlyMap<number, bigint>): void {
    for (const member of this.#members) member.wake(heads);
  }
}
