import { Consumer, IS_CONTROL, type ClusterMetadata, type RecordsBatch } from '@platformatic/kafka';
import { backoffMs, delay } from '../embedded/delay.js';
import type { ReportError } from '../embedded/partition-loop.js';
import type { ReceivedMessage } from '../event-log.js';
import { BATCH_BYTES_MAX, type KafkaSettings } from './kafka-options.js';
import { clientOptions, LONG_FETCH_MS } from './platformatic-options.js';
import { fromWire } from './wire.js';

type FetchResponse = Awaited<ReturnType<Consumer['fetch']>>;
type FetchedPartition = FetchResponse['responses'][number]['partitions'][number];

/** A partition that is fetched, from `next` on. */
interface Position {
  readonly topic: string;
  readonly partition: number;
  next: bigint;
  held: boolean;
  feed(messages: readonly ReceivedMessage[]): void;
}

/** What a fetcher needs of the member that it works for. */
export interface FetcherHost {
  readonly settings: KafkaSettings;
  readonly report: ReportError;
  /** First offsets of partitions, by partition; not by the connection that waits for messages. */
  firstOffsets(topic: string, partitions: readonly number[]): Promise<readonly bigint[]>;
  /** The broker has been heard, or was asked in vain: the loop turns. */
  seen(): void;
}

const MAX_BYTES = 4 * 1024 * 1024;
const BACKOFF_FIRST_MS = 50;
const BACKOFF_MAX_MS = 1_000;
const OFFSET_OUT_OF_RANGE = 1;

/**
 * Fetches the partitions of one member: one request on its way per broker, over a connection of its own, because a broker
 * answers the requests of a connection in order and a waiting fetch would hold up heartbeats and commits. A request waits
 * long; whatever changes what is fetched cuts its connection and asks anew.
 */
export class PartitionFetcher {
  readonly #host: FetcherHost;
  readonly #client: Consumer;
  readonly #end = new AbortController();
  readonly #positions = new Map<string, Position>();
  readonly #fetching = new Map<number, Promise<void>>();
  #changed = Promise.withResolvers<void>();
  #interrupted = 0;

  constructor(host: FetcherHost, group: string, topics: readonly string[]) {
    this.#host = host;
    this.#client = new Consumer({ ...clientOptions(host.settings, 0), groupId: group, minBytes: 1, maxBytes: MAX_BYTES, maxWaitTime: LONG_FETCH_MS });
    this.#client.topics.trackAll(...topics);
    this.#client.on('error', (error) => host.report(error, `fetch ${group}`));
    void this.#run();
  }

  /** Fetches a partition from `next` on. */
  add(topic: string, partition: number, next: bigint, feed: Position['feed']): void {
    this.#positions.set(nameOf(topic, partition), { topic, partition, next, held: false, feed });
    this.#change();
  }

  /** Fetches nothing any more, until partitions are added again. */
  clear(): void {
    if (this.#positions.size === 0) return;
    this.#positions.clear();
    this.#change();
  }

  hold(topic: string, partition: number, held: boolean): void {
    const position = this.#positions.get(nameOf(topic, partition));
    if (position === undefined || position.held === held) return;
    position.held = held;
    // What a held partition still gets from the request on its way is let through: its lane is bounded by that, too.
    if (!held) this.#change();
  }

  seek(topic: string, partition: number, offset: bigint): void {
    const position = this.#positions.get(nameOf(topic, partition));
    if (position === undefined) return;
    position.next = offset;
    this.#change();
  }

  async close(): Promise<void> {
    this.#end.abort();
    this.clear();
    this.#change();
    await this.#client.close(true);
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
    if (this.#fetching.size === 0) return;
    this.#interrupted += 1;
    for (const [, connection] of this.#client.connections) connection.socket.destroy();
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#end.signal.aborted;) {
      try {
        const changed = this.#changed.promise;
        const metadata = await this.#client.metadata({ topics: [...this.#client.topics.current] });
        for (const [node, positions] of this.#idle(metadata)) this.#fetching.set(node, this.#fetch(node, positions, metadata).finally(() => this.#fetching.delete(node)));
        failures = 0;
        await Promise.race([changed, ...this.#fetching.values()]);
      } catch (error) {
        this.#failed(error, 'metadata');
        await delay(backoffMs(++failures, BACKOFF_FIRST_MS, BACKOFF_MAX_MS), this.#end.signal);
      }
    }
  }

  /** What is wanted of brokers that nothing is asked of now. */
  #idle(metadata: ClusterMetadata): Map<number, Position[]> {
    const wanted = [...this.#positions.values()].filter(({ held }) => !held);
    const byLeader = Map.groupBy(wanted, ({ topic, partition }) => metadata.topics.get(topic)?.partitions[partition]?.leader ?? -1);
    for (const node of this.#fetching.keys()) byLeader.delete(node);
    return byLeader;
  }

  /** Never rejects; a failure is waited out before it resolves. */
  async #fetch(node: number, positions: readonly Position[], metadata: ClusterMetadata): Promise<void> {
    const interrupted = this.#interrupted;
    const asked = new Map(positions.map((position) => [position, position.next]));
    const topicIds = new Map(positions.map(({ topic }) => [metadata.topics.get(topic)?.id ?? '', topic]));
    const request = [...topicIds].map(([topicId, topic]) => ({
      topicId,
      partitions: positions.filter((each) => each.topic === topic)
        .map(({ partition, next }) => ({ partition, currentLeaderEpoch: -1, fetchOffset: next, lastFetchedEpoch: -1, partitionMaxBytes: BATCH_BYTES_MAX })),
    }));
    try {
      this.#take(await this.#client.fetch({ node, topics: request }), topicIds, asked);
      this.#host.seen();
    } catch (error) {
      if (this.#interrupted !== interrupted || this.#end.signal.aborted) return;
      await this.#mend(error, topicIds, asked);
    }
  }

  #take(response: FetchResponse, topicIds: ReadonlyMap<string, string>, asked: ReadonlyMap<Position, bigint>): void {
    for (const { topicId, partitions } of response.responses) {
      for (const fetched of partitions) {
        const position = this.#positions.get(nameOf(topicIds.get(topicId) ?? '', fetched.partitionIndex));
        // Sought or assigned anew in between.
        if (position === undefined || asked.get(position) !== position.next || fetched.errorCode !== 0) continue;
        advance(position, fetched.records ?? []);
      }
    }
  }

  /** One partition's error comes with what the others have to give. */
  async #mend(error: unknown, topicIds: ReadonlyMap<string, string>, asked: ReadonlyMap<Position, bigint>): Promise<void> {
    this.#failed(error, 'fetch');
    try {
      const response = responseOf(error);
      if (response !== undefined) {
        this.#take({ ...response, responses: response.responses.map((each) => ({ ...each, partitions: each.partitions.filter(nothingAborted) })) }, topicIds, asked);
        for (const { topicId, partitions } of response.responses)
          for (const { partitionIndex, errorCode } of partitions) if (errorCode === OFFSET_OUT_OF_RANGE) await this.#reset(topicIds.get(topicId) ?? '', partitionIndex, asked);
      }
    } catch (another) {
      this.#failed(another, 'first offsets');
    }
    await delay(BACKOFF_FIRST_MS * 2, this.#end.signal);
  }

  /** The offset is gone, by compaction or by an operator's hand: the partition goes on at the first one that there is. */
  async #reset(topic: string, partition: number, asked: ReadonlyMap<Position, bigint>): Promise<void> {
    const first = (await this.#host.firstOffsets(topic, [partition]))[partition];
    const position = this.#positions.get(nameOf(topic, partition));
    if (position !== undefined && first !== undefined && asked.get(position) === position.next) position.next = first;
  }

  #failed(error: unknown, what: string): void {
    this.#host.seen();
    this.#client.clearMetadata();
    if (!this.#end.signal.aborted) this.#host.report(error, `consumer ${this.#client.groupId}: ${what}`);
  }
}

const nameOf = (topic: string, partition: number): string => `${topic}/${partition}`;

/** The client takes away aborted transactions only where a fetch had no error; such a partition is asked again. */
const nothingAborted = ({ abortedTransactions }: FetchedPartition): boolean => abortedTransactions === null || abortedTransactions.length === 0;

function responseOf(error: unknown): FetchResponse | undefined {
  const response = typeof error === 'object' && error !== null && 'response' in error ? error.response : undefined;
  return typeof response === 'object' && response !== null && 'responses' in response ? (response as FetchResponse) : undefined;
}

function advance(position: Position, batches: readonly RecordsBatch[]): void {
  const messages: ReceivedMessage[] = [];
  for (const batch of batches) {
    if ((batch.attributes & IS_CONTROL) === 0) messages.push(...messagesOf(position, batch));
    const next = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
    if (next > position.next) position.next = next;
  }
  if (messages.length > 0) position.feed(messages);
}

function messagesOf({ topic, partition, next }: Position, batch: RecordsBatch): ReceivedMessage[] {
  return batch.records
    // A batch is given whole, also when the fetch begins within it.
    .filter(({ offsetDelta }) => batch.firstOffset + BigInt(offsetDelta) >= next)
    .map(({ offsetDelta, timestampDelta, key, value, headers }) => fromWire({
      topic, partition, offset: batch.firstOffset + BigInt(offsetDelta), key, value,
      headers: headers.map(([name, text]) => [name?.toString() ?? '', text?.toString() ?? ''] as const),
      timestampMs: Number(batch.firstTimestamp + timestampDelta),
    }));
}
