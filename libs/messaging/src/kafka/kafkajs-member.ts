import type { Admin, Consumer, ConsumerGroupJoinEvent, EachBatchPayload, Kafka } from 'kafkajs';
import type { ConsumeOptions } from '../event-log.js';
import { isLost } from './kafka-errors.js';
import { KafkaMember, type MemberHost } from './kafka-member.js';
import { FETCH_WAIT_MS } from './kafka-options.js';
import { noting } from './kafkajs-group.js';
import type { loadKafkaJs } from './kafkajs-load.js';
import { fromKafkaJs } from './kafkajs-wire.js';
import type { LaneClient } from './partition-lane.js';

/** What a member asks of the log it belongs to. */
export interface KafkaJsHost extends MemberHost {
  readonly kafka: Kafka;
  readonly kafkaJs: ReturnType<typeof loadKafkaJs>;
  readonly admin: Admin;
}

/** The functions of kafkajs's cluster, and of its coordinator, that we stand before. */
interface Coordination {
  findGroupCoordinator(request: { groupId: string }): Promise<Coordinator>;
  getNodeIds(): readonly number[];
}
interface Coordinator {
  heartbeat(request: unknown): Promise<unknown>;
}

const MAX_BYTES = 4 * 1024 * 1024;

/**
 * A member of a group on kafkajs's consumer. kafkajs only fetches and heartbeats; handlers run in lanes beside it. Before the
 * member joins again, its lanes finish what is at hand and commit, under the generation that is about to end.
 */
export class KafkaJsMember extends KafkaMember {
  readonly #host: KafkaJsHost;
  readonly #consumer: Consumer;
  readonly #guarded = new WeakSet<Coordinator>();
  /** A lane has ended, and only a join makes another. */
  #mustJoin = false;
  #crashed = false;

  constructor(host: KafkaJsHost, options: ConsumeOptions) {
    super(host, options);
    this.#host = host;
    const { sessionTimeoutMs, rebalanceTimeoutMs } = host.settings;
    this.#consumer = host.kafka.consumer({
      groupId: options.group,
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: rebalanceTimeoutMs,
      heartbeatInterval: Math.floor(sessionTimeoutMs / 5),
      maxWaitTimeInMs: Math.min(FETCH_WAIT_MS, Math.floor(sessionTimeoutMs / 5)),
      maxBytes: MAX_BYTES,
      allowAutoTopicCreation: false,
      retry: { initialRetryTime: 100, maxRetryTime: 500, retries: 120, restartOnFailure: async () => !this.stopping },
      partitionAssigners: [(context) => {
        this.#standBefore(context.cluster as unknown as Coordination);
        return noting(host.kafkaJs, host.kafkaJs.PartitionAssigners.roundRobin(context), this.sinceMs);
      }],
    });
    this.#listen();
  }

  override alive(): boolean {
    return super.alive() && !this.#crashed;
  }

  protected async join(): Promise<void> {
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics: [...this.options.topics], fromBeginning: true });
    // One worker is enough: a batch is only put into its lane.
    await this.#consumer.run({ autoCommit: false, eachBatchAutoResolve: false, partitionsConsumedConcurrently: 1, eachBatch: async (payload) => this.#feed(payload) });
  }

  protected leave(): Promise<void> {
    return this.#consumer.disconnect().catch((error: unknown) => this.#report(error, 'leave'));
  }

  #listen(): void {
    const { events } = this.#consumer;
    for (const event of [events.FETCH_START, events.HEARTBEAT, events.CONNECT, events.REBALANCING]) this.#consumer.on(event, () => this.seen());
    this.#consumer.on(events.GROUP_JOIN, (event) => this.#assigned(event));
    this.#consumer.on(events.CRASH, async ({ payload }) => {
      this.seen();
      if (!payload.restart) this.joined.reject(payload.error);
      this.#crashed = !payload.restart;
      this.#report(payload.error, payload.restart ? 'restarting' : 'crashed');
      if (!payload.restart) await this.handOver();
    });
  }

  /** kafkajs finds its coordinator at the beginning of each join, and of nothing else that a consumer does. */
  #standBefore(cluster: Coordination): void {
    const find = cluster.findGroupCoordinator.bind(cluster);
    cluster.findGroupCoordinator = async (request) => {
      await this.handOver();
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

  #assigned({ payload }: ConsumerGroupJoinEvent): void {
    this.seen();
    this.#mustJoin = false;
    if (this.stopping) return;
    const assigned = Object.entries(payload.memberAssignment).flatMap(([topic, partitions]) => partitions.map((partition) => ({ topic, partition })));
    const ready = this.#beginAtTheBeginning(payload.memberAssignment);
    for (const at of assigned) {
      this.#consumer.resume([{ topic: at.topic, partitions: [at.partition] }]);
      this.hold(at.topic, at.partition, this.#clientOf(at.topic, at.partition), ready);
    }
    void ready.then(() => this.joined.resolve());
  }

  /** A partition that the group has never committed starts at its first offset; committing that makes its lag known from now on. */
  async #beginAtTheBeginning(assignment: Readonly<Record<string, readonly number[]>>): Promise<void> {
    try {
      const topics = Object.keys(assignment);
      if (topics.length === 0) return;
      const committed = await this.#host.admin.fetchOffsets({ groupId: this.options.group, topics });
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
    const { topic, partition, messages } = batch;
    if (!this.feed(topic, partition, () => messages.map((message) => fromKafkaJs(topic, partition, message)))) return;
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
      report: this.settings.onError,
    };
  }

  #report(error: unknown, where: string): void {
    this.settings.onError(error, `consumer ${this.options.group}: ${where}`);
  }
}
