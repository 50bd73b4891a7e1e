import type { Admin, Consumer, ConsumerGroupJoinEvent, EachBatchPayload, Kafka } from 'kafkajs';
import { delay } from '../embedded/delay.js';
import type { ConsumeOptions, LogConsumer } from '../event-log.js';
import { isLost } from './kafka-errors.js';
import { CLOSE_MS_MAX, FETCH_WAIT_MS, type KafkaSettings } from './kafka-options.js';
import { noting } from './kafkajs-group.js';
import type { loadKafkaJs } from './kafkajs-load.js';
import { PartitionLane, type LaneClient } from './partition-lane.js';
import { fromWire } from './wire.js';

/** What a member asks of the log it belongs to. */
export interface KafkaJsHost {
  readonly kafka: Kafka;
  readonly kafkaJs: ReturnType<typeof loadKafkaJs>;
  readonly admin: Admin;
  readonly settings: KafkaSettings;
  left(): void;
}

/** The functions of kafkajs's cluster, and of its coordinator, that we stand before. */
interface Coordination {
  findGroupCoordinator(request: { groupId: string }): Promise<Coordinator>;
  getNodeIds(): readonly number[];
}
interface Coordinator {
  heartbeat(request: unknown): Promise<unknown>;
}

/** Longer than any rebalance, request and back-off: a client without a sign of life for this long has died without a word. */
const SILENT_MS_MAX = 120_000;
/** A coordinator that is still loading, or members that finish what is at hand, are waited for. */
const JOIN_MS_MAX = 60_000;
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * A member of a group on kafkajs's consumer. kafkajs only fetches and heartbeats; handlers run in lanes beside it. Before the
 * member joins again, its lanes finish what is at hand and commit, under the generation that is about to end.
 */
export class KafkaJsMember implements LogConsumer {
  readonly #host: KafkaJsHost;
  readonly #options: ConsumeOptions;
  readonly #consumer: Consumer;
  readonly #lanes = new Map<string, PartitionLane>();
  readonly #joined = Promise.withResolvers<void>();
  readonly #guarded = new WeakSet<Coordinator>();
  /** A lane has ended, and only a join makes another. */
  #mustJoin = false;
  readonly #sinceMs = Date.now();
  #crashed = false;
  #seenMs = performance.now();
  #stopping: Promise<void> | undefined;

  constructor(host: KafkaJsHost, options: ConsumeOptions) {
    this.#host = host;
    this.#options = options;
    const { sessionTimeoutMs, rebalanceTimeoutMs } = host.settings;
    this.#consumer = host.kafka.consumer({
      groupId: options.group,
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: rebalanceTimeoutMs,
      heartbeatInterval: Math.floor(sessionTimeoutMs / 5),
      maxWaitTimeInMs: Math.min(FETCH_WAIT_MS, Math.floor(sessionTimeoutMs / 5)),
      maxBytes: MAX_BYTES,
      allowAutoTopicCreation: false,
      retry: { initialRetryTime: 100, maxRetryTime: 500, retries: 120, restartOnFailure: async () => this.#stopping === undefined },
      partitionAssigners: [(context) => {
        this.#standBefore(context.cluster as unknown as Coordination);
        return noting(host.kafkaJs, host.kafkaJs.PartitionAssigners.roundRobin(context), this.#sinceMs);
      }],
    });
    this.#joined.promise.catch(() => undefined);
    this.#listen();
  }

  /** Resolves when it has joined its group and holds its partitions. */
  async start(): Promise<void> {
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics: [...this.#options.topics], fromBeginning: true });
    // One worker is enough: a batch is only put into its lane.
    await this.#consumer.run({ autoCommit: false, eachBatchAutoResolve: false, partitionsConsumedConcurrently: 1, eachBatch: async (payload) => this.#feed(payload) });
    const late = new AbortController();
    const joined = await Promise.race([this.#joined.promise.then(() => true), delay(JOIN_MS_MAX, late.signal)]).finally(() => late.abort());
    if (joined !== true) throw new Error(`group ${this.#options.group} could not be joined within ${JOIN_MS_MAX} ms`);
  }

  assignment(): { topic: string; partition: number }[] {
    return [...this.#lanes.values()].map(({ topic, partition }) => ({ topic, partition }));
  }

  pause(topic: string, partition: number): void {
    this.#lanes.get(nameOf(topic, partition))?.pause();
  }

  resume(topic: string, partition: number): void {
    this.#lanes.get(nameOf(topic, partition))?.resume();
  }

  async seek(topic: string, partition: number, offset: bigint): Promise<void> {
    const lane = this.#lanes.get(nameOf(topic, partition));
    if (lane === undefined) throw new Error(`${this.#options.group} does not hold ${topic}/${partition} here`);
    await lane.seek(offset);
  }

  alive(): boolean {
    return this.#stopping === undefined && !this.#crashed && performance.now() - this.#seenMs < SILENT_MS_MAX;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#leave();
    return this.#stopping;
  }

  async #leave(): Promise<void> {
    await this.#handOver();
    const leaving = this.#consumer.disconnect().catch((error: unknown) => this.#report(error, 'leave'));
    // A broker that is away lets the session run out by itself.
    const late = new AbortController();
    await Promise.race([leaving.finally(() => late.abort()), delay(CLOSE_MS_MAX, late.signal)]);
    this.#host.left();
  }

  #listen(): void {
    const { events } = this.#consumer;
    for (const event of [events.FETCH_START, events.HEARTBEAT, events.CONNECT, events.REBALANCING]) this.#consumer.on(event, () => this.#alive());
    this.#consumer.on(events.GROUP_JOIN, (event) => this.#assigned(event));
    this.#consumer.on(events.CRASH, async ({ payload }) => {
      this.#alive();
      if (!payload.restart) this.#joined.reject(payload.error);
      this.#crashed = !payload.restart;
      this.#report(payload.error, payload.restart ? 'restarting' : 'crashed');
      if (!payload.restart) await this.#handOver();
    });
  }

  /** kafkajs finds its coordinator at the beginning of each join, and of nothing else that a consumer does. */
  #standBefore(cluster: Coordination): void {
    const find = cluster.findGroupCoordinator.bind(cluster);
    cluster.findGroupCoordinator = async (request) => {
      await this.#handOver();
      this.#mustJoin = true;
      const coordinator = await find(request);
      this.#guard(coordinator);
      return coordinator;
    };
    // A broker that is shutting down tells of no brokers at all, which kafkajs takes for the end of its consumer.
    const nodeIds = cluster.getNodeIds.bind(cluster);
    let known: readonly number[] = [];
    cluster.getNodeIds = () => {
      const now = nodeIds();
      known = now.length > 0 ? now : known;
      return known;
    };
  }

  /**
   * A join that fails halfway (the broker goes away between its answers) is not repeated by kafkajs: it fetches again under the
   * old generation, which a broker that comes back still knows. Its heartbeats would go well, and no lane would ever be there
   * for what it fetches. So a heartbeat says what the broker does not know: join.
   */
  #guard(coordinator: Coordinator): void {
    if (this.#guarded.has(coordinator)) return;
    this.#guarded.add(coordinator);
    const heartbeat = coordinator.heartbeat.bind(coordinator);
    coordinator.heartbeat = async (request) => {
      this.#assertJoined();
      return heartbeat(request);
    };
  }

  #assertJoined(): void {
    if (this.#mustJoin) throw Object.assign(new Error('a partition has ended here without a join after it'), { type: 'REBALANCE_IN_PROGRESS' });
  }

  /** Ends all lanes: what is at hand is finished and committed. */
  async #handOver(): Promise<void> {
    const lanes = [...this.#lanes];
    await Promise.all(lanes.map(([, lane]) => lane.stop()));
    for (const [name, lane] of lanes) if (this.#lanes.get(name) === lane) this.#lanes.delete(name);
  }

  #assigned({ payload }: ConsumerGroupJoinEvent): void {
    this.#alive();
    this.#mustJoin = false;
    if (this.#stopping !== undefined) return;
    const assigned = Object.entries(payload.memberAssignment).flatMap(([topic, partitions]) => partitions.map((partition) => ({ topic, partition })));
    const ready = this.#beginAtTheBeginning(payload.memberAssignment);
    for (const at of assigned) {
      this.#consumer.resume([{ topic: at.topic, partitions: [at.partition] }]);
      this.#lanes.set(nameOf(at.topic, at.partition), new PartitionLane(at, this.#clientOf(at.topic, at.partition), this.#options, ready));
    }
    void ready.then(() => this.#joined.resolve());
  }

  /** A partition that the group has never committed starts at its first offset; committing that makes its lag known from now on. */
  async #beginAtTheBeginning(assignment: Readonly<Record<string, readonly number[]>>): Promise<void> {
    try {
      const topics = Object.keys(assignment);
      if (topics.length === 0) return;
      const committed = await this.#host.admin.fetchOffsets({ groupId: this.#options.group, topics });
      for (const { topic, partitions } of committed) {
        const unknown = partitions.filter(({ partition, offset }) => offset === '-1' && assignment[topic]?.includes(partition)).map(({ partition }) => partition);
        if (unknown.length === 0) continue;
        const low = await this.#host.admin.fetchTopicOffsets(topic);
        await this.#consumer.commitOffsets(low.filter(({ partition }) => unknown.includes(partition)).map((each) => ({ topic, partition: each.partition, offset: each.low })));
      }
    } catch (error) {
      this.#report(error, 'first offsets');
    }
  }

  #feed({ batch, resolveOffset, isRunning, isStale }: EachBatchPayload): void {
    if (!isRunning() || isStale()) return;
    const lane = this.#lanes.get(nameOf(batch.topic, batch.partition));
    if (lane === undefined) return;
    lane.feed(batch.messages.map((message) => fromWire({
      topic: batch.topic, partition: batch.partition, offset: BigInt(message.offset), key: message.key, value: message.value,
      headers: Object.entries(message.headers ?? {}).map(([name, value]) => [name, textOf(value)] as const), timestampMs: Number(message.timestamp),
    })));
    // The fetch goes on behind it; nothing is committed by this.
    resolveOffset(batch.lastOffset());
  }

  #clientOf(topic: string, partition: number): LaneClient {
    return {
      commit: async (offset) => {
        try {
          await this.#consumer.commitOffsets([{ topic, partition, offset: offset.toString() }]);
          return true;
        } catch (error) {
          if (!isLost(error)) throw error;
          this.#mustJoin = true;
          return false;
        }
      },
      seek: async (offset) => {
        const high = (await this.#host.admin.fetchTopicOffsets(topic)).find((each) => each.partition === partition)?.high ?? '0';
        if (offset > BigInt(high)) throw new RangeError(`offset ${offset} is beyond the head ${high}`);
        this.#consumer.seek({ topic, partition, offset: offset.toString() });
      },
      hold: (held) => {
        if (held) this.#consumer.pause([{ topic, partitions: [partition] }]);
        else this.#consumer.resume([{ topic, partitions: [partition] }]);
      },
      report: this.#host.settings.onError,
    };
  }

  #alive(): void {
    this.#seenMs = performance.now();
  }

  #report(error: unknown, where: string): void {
    this.#host.settings.onError(error, `consumer ${this.#options.group}: ${where}`);
  }
}

const nameOf = (topic: string, partition: number): string => `${topic}/${partition}`;

/** A header that is there several times comes as a list; the last one counts. */
function textOf(value: Buffer | string | (Buffer | string)[] | undefined): string {
  const last = Array.isArray(value) ? value.at(-1) : value;
  return last?.toString() ?? '';
}
