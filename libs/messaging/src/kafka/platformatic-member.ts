import { Consumer, type GroupAssignment } from '@platformatic/kafka';
import { backoffMs, delay } from '../embedded/delay.js';
import type { ConsumeOptions } from '../event-log.js';
import { isLost } from './kafka-errors.js';
import { KafkaMember, type MemberHost } from './kafka-member.js';
import { REQUEST_TIMEOUT_MS } from './kafka-options.js';
import { memberNote } from './member-note.js';
import type { LaneClient } from './partition-lane.js';
import { PartitionFetcher } from './platformatic-fetcher.js';
import { clientOptions } from './platformatic-options.js';

const BACKOFF_FIRST_MS = 50;
const BACKOFF_MAX_MS = 1_000;
/** As kafkajs calls it: members of both clients can be in one group, while one replaces the other. */
const PROTOCOL = { name: 'RoundRobinAssigner', version: 0 };
const NEVER_COMMITTED = -1n;
const EARLIEST = -2n;
const LATEST = -1n;

/**
 * A member of a group on @platformatic/kafka's consumer, which only joins, heartbeats and commits here: fetching is
 * `PartitionFetcher`'s, handlers run in lanes. The client tries nothing again by itself (`retries: 0`): its commit would join
 * anew and then write the old offset under the new generation, over what a successor has committed.
 */
export class PlatformaticMember extends KafkaMember {
  readonly #group: Consumer;
  readonly #fetcher: PartitionFetcher;
  readonly #ended = new AbortController();
  #generation = new AbortController();
  #out = Promise.withResolvers<void>();
  /** Lanes are there, or on their way, for what the last join gave. */
  #holding = false;
  /** The broker has refused this member where its heartbeats may still go well. */
  #refused = false;
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(host: MemberHost, options: ConsumeOptions) {
    super(host, options);
    const { sessionTimeoutMs, rebalanceTimeoutMs } = host.settings;
    this.#group = new Consumer({
      ...clientOptions(host.settings, 0),
      groupId: options.group,
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: Math.max(rebalanceTimeoutMs, sessionTimeoutMs),
      heartbeatInterval: Math.floor(sessionTimeoutMs / 5),
      // A join is answered when every member has joined.
      requestTimeout: Math.max(rebalanceTimeoutMs, sessionTimeoutMs) + REQUEST_TIMEOUT_MS,
      autocommit: false,
      protocols: [PROTOCOL],
      // Awaited before each join, under the generation that is about to end.
      protocolsMetadata: async () => {
        await this.handOver();
        return memberNote(this.sinceMs);
      },
    });
    this.#group.topics.trackAll(...options.topics);
    this.#fetcher = new PartitionFetcher({
      settings: host.settings,
      report: host.settings.onError,
      firstOffsets: (topic, partitions) => this.#offsets(topic, partitions, EARLIEST),
      seen: () => this.seen(),
    }, options.group, options.topics);
    this.#listen();
  }

  override async stop(): Promise<void> {
    this.#ended.abort();
    await super.stop();
    clearTimeout(this.#heartbeat);
  }

  protected async join(): Promise<void> {
    void this.#stayIn();
  }

  protected leave(): Promise<unknown> {
    return Promise.allSettled([this.#goAway(), this.#fetcher.close()]);
  }

  async #goAway(): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) => this.#group.leaveGroup(true, (error) => (error ? reject(error) : resolve())));
    } finally {
      await this.#group.close(true);
    }
  }

  /** Joins, and joins again whenever the client has fallen out of its group. In between the client rejoins by itself. */
  async #stayIn(): Promise<void> {
    for (let failures = 0; !this.#ended.signal.aborted;) {
      const out = this.#out.promise;
      try {
        await this.#group.joinGroup({});
        failures = 0;
        await out;
      } catch (error) {
        failures += 1;
        this.#failed(error, 'join');
      }
      await delay(backoffMs(failures + 1, BACKOFF_FIRST_MS, BACKOFF_MAX_MS), this.#ended.signal);
    }
  }

  #listen(): void {
    this.#ended.signal.addEventListener('abort', () => this.#fallOut());
    this.#group.on('consumer:group:join', ({ assignments }) => this.#assigned(assignments ?? []));
    this.#group.on('consumer:heartbeat:start', () => this.#expectAnswer());
    this.#group.on('consumer:heartbeat:end', () => {
      this.#answered();
      if (this.#refused) this.#fallOut();
    });
    for (const event of ['consumer:heartbeat:cancel', 'consumer:group:rebalance'] as const) this.#group.on(event, () => this.#answered());
    this.#group.on('consumer:heartbeat:error', ({ error }) => {
      this.#answered();
      this.#failed(error, 'heartbeat');
    });
    // The only error that the client emits: it could not join again, and will not try.
    this.#group.on('error', (error) => {
      this.#answered();
      this.#failed(error, 'rejoin');
      this.#fallOut();
    });
  }

  #fallOut(): void {
    this.#refused = false;
    this.#out.resolve();
    this.#out = Promise.withResolvers();
  }

  /** Requests may take as long as a join; a heartbeat may not, and its connection is given up. */
  #expectAnswer(): void {
    clearTimeout(this.#heartbeat);
    this.#heartbeat = setTimeout(() => {
      for (const [, connection] of this.#group.connections) connection.socket.destroy();
    }, REQUEST_TIMEOUT_MS);
  }

  #answered(): void {
    clearTimeout(this.#heartbeat);
    this.seen();
  }

  protected override async handOver(): Promise<void> {
    this.#answered();
    this.#generation.abort();
    this.#fetcher.clear();
    this.#holding = false;
    await super.handOver();
  }

  #assigned(assignments: readonly GroupAssignment[]): void {
    this.#answered();
    // Two joins that were under way at once end with the same answer.
    if (this.#ended.signal.aborted || this.#holding) return;
    this.#holding = true;
    this.#refused = false;
    this.#generation = new AbortController();
    const ready = this.#begin(assignments, this.#generation.signal);
    for (const { topic, partitions } of assignments)
      for (const partition of partitions) this.hold(topic, partition, this.#clientOf(topic, partition), ready);
  }

  /** Finds where to go on; tries until it knows, or until the generation has ended. */
  async #begin(assignments: readonly GroupAssignment[], ended: AbortSignal): Promise<void> {
    for (let failures = 1; !ended.aborted; failures++) {
      try {
        const positions = await this.#positions(assignments);
        if (ended.aborted) return;
        for (const { topic, partition, offset } of positions) this.#fetcher.add(topic, partition, offset, (messages) => void this.feed(topic, partition, () => messages));
        this.joined.resolve();
        return;
      } catch (error) {
        this.#failed(error, 'first offsets');
        if (this.#isRefusal(error)) return;
        await delay(backoffMs(failures, BACKOFF_FIRST_MS, BACKOFF_MAX_MS), ended);
      }
    }
  }

  /** A partition that the group has never committed starts at its first offset; committing that makes its lag known from now on. */
  async #positions(assignments: readonly GroupAssignment[]): Promise<{ topic: string; partition: number; offset: bigint }[]> {
    if (assignments.length === 0) return [];
    const committed = await this.#group.listCommittedOffsets({ topics: assignments.map(({ topic, partitions }) => ({ topic, partitions: [...partitions] })) });
    const offsetOf = (topic: string, partition: number): bigint => committed.get(topic)?.[partition] ?? NEVER_COMMITTED;
    const first = await Promise.all(assignments.map(async ({ topic, partitions }) => {
      const unknown = partitions.filter((partition) => offsetOf(topic, partition) === NEVER_COMMITTED);
      const offsets = unknown.length === 0 ? [] : await this.#offsets(topic, unknown, EARLIEST);
      return unknown.map((partition) => ({ topic, partition, offset: offsets[partition] ?? 0n }));
    }));
    const unknown = first.flat();
    if (unknown.length > 0) await this.#group.commit({ offsets: unknown.map((each) => ({ ...each, leaderEpoch: -1 })) });
    const known = assignments.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition, offset: offsetOf(topic, partition) })));
    return [...known.filter(({ offset }) => offset !== NEVER_COMMITTED), ...unknown];
  }

  #clientOf(topic: string, partition: number): LaneClient {
    const { generationId, memberId } = this.#group;
    return {
      commit: async (offset) => {
        if (this.#group.memberId !== memberId || this.#group.generationId !== generationId) return false;
        try {
          await this.#group.commit({ offsets: [{ topic, partition, offset, leaderEpoch: -1 }] });
          return true;
        } catch (error) {
          if (this.#isRefusal(error)) return false;
          this.#group.clearMetadata();
          throw error;
        }
      },
      seek: async (offset) => {
        const high = (await this.#offsets(topic, [partition], LATEST))[partition] ?? 0n;
        if (offset > high) throw new RangeError(`offset ${offset} is beyond the head ${high}`);
        this.#fetcher.seek(topic, partition, offset);
      },
      hold: (held) => this.#fetcher.hold(topic, partition, held),
      report: this.settings.onError,
    };
  }

  /** The partition is another's: whoever is told so joins again, by the next heartbeat at the latest. */
  #isRefusal(error: unknown): boolean {
    const refused = isLost(error);
    this.#refused ||= refused;
    return refused;
  }

  /** By partition; the places of others are empty. */
  async #offsets(topic: string, partitions: readonly number[], timestamp: bigint): Promise<readonly bigint[]> {
    const offsets = await this.#group.listOffsets({ topics: [topic], partitions: { [topic]: [...partitions] }, timestamp });
    return offsets.get(topic) ?? [];
  }

  #failed(error: unknown, where: string): void {
    this.seen();
    this.#group.clearMetadata();
    if (!this.#ended.signal.aborted) this.settings.onError(error, `consumer ${this.options.group}: ${where}`);
  }
}
