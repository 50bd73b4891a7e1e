import { delay } from '../embedded/delay.js';
import type { ConsumeOptions, LogConsumer, ReceivedMessage } from '../event-log.js';
import { CLOSE_MS_MAX, type KafkaSettings } from './kafka-options.js';
import { PartitionLane, type LaneClient } from './partition-lane.js';

/** What a member asks of the log it belongs to. */
export interface MemberHost {
  readonly settings: KafkaSettings;
  left(): void;
}

/** Longer than any rebalance, request and back-off: a member without a sign of life for this long is stuck, whatever it believes. */
const SILENT_MS_MAX = 120_000;
/** A coordinator that is still loading, or members that finish what is at hand, are waited for. */
const JOIN_MS_MAX = 60_000;

const nameOf = (topic: string, partition: number): string => `${topic}/${partition}`;

/**
 * A member of a group, whatever client joins, heartbeats and commits for it: handlers run in one lane for each partition that it
 * holds, beside the client.
 */
export abstract class KafkaMember implements LogConsumer {
  protected readonly options: ConsumeOptions;
  protected readonly settings: KafkaSettings;
  /** Settled when the member has joined its group and holds its partitions, or never will. */
  protected readonly joined = Promise.withResolvers<void>();
  protected readonly sinceMs = Date.now();
  readonly #host: MemberHost;
  readonly #lanes = new Map<string, PartitionLane>();
  #seenMs = performance.now();
  #stopping: Promise<void> | undefined;

  constructor(host: MemberHost, options: ConsumeOptions) {
    this.#host = host;
    this.options = options;
    this.settings = host.settings;
    this.joined.promise.catch(() => undefined);
  }

  /** Begins to join; `joined` says when it has. */
  protected abstract join(): Promise<void>;
  /** Leaves the group and lets the connections go, after all lanes have ended. */
  protected abstract leave(): Promise<unknown>;

  /** Resolves when it has joined its group and holds its partitions. */
  async start(): Promise<void> {
    await this.join();
    const late = new AbortController();
    const joined = await Promise.race([this.joined.promise.then(() => true), delay(JOIN_MS_MAX, late.signal)]).finally(() => late.abort());
    if (joined !== true) throw new Error(`group ${this.options.group} could not be joined within ${JOIN_MS_MAX} ms`);
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
    if (lane === undefined) throw new Error(`${this.options.group} does not hold ${topic}/${partition} here`);
    await lane.seek(offset);
  }

  alive(): boolean {
    return !this.stopping && performance.now() - this.#seenMs < SILENT_MS_MAX;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#end();
    return this.#stopping;
  }

  protected get stopping(): boolean {
    return this.#stopping !== undefined;
  }

  /** A sign of life. */
  protected seen(): void {
    this.#seenMs = performance.now();
  }

  /** Opens a lane for a partition that the group gives to this member. */
  protected hold(topic: string, partition: number, client: LaneClient, ready: Promise<void>): void {
    this.#lanes.set(nameOf(topic, partition), new PartitionLane({ topic, partition }, client, this.options, ready));
  }

  /** Hands messages to their partition's lane; false where the partition is not held. */
  protected feed(topic: string, partition: number, messages: () => readonly ReceivedMessage[]): boolean {
    const lane = this.#lanes.get(nameOf(topic, partition));
    lane?.feed(messages());
    return lane !== undefined;
  }

  /** Ends all lanes: what is at hand is finished and committed. */
  protected async handOver(): Promise<void> {
    const lanes = [...this.#lanes];
    await Promise.all(lanes.map(([, lane]) => lane.stop()));
    for (const [name, lane] of lanes) if (this.#lanes.get(name) === lane) this.#lanes.delete(name);
  }

  async #end(): Promise<void> {
    await this.handOver();
    const leaving = this.leave();
    // A broker that is away lets the session run out by itself.
    const late = new AbortController();
    await Promise.race([leaving.finally(() => late.abort()), delay(CLOSE_MS_MAX, late.signal)]);
    this.#host.left();
  }
}
