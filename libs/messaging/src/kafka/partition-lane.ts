import { failpoint } from '@skein/telemetry';
import { backoffMs, delay } from '../embedded/delay.js';
import type { ReportError } from '../embedded/partition-loop.js';
import { MESSAGE_BYTES_MAX, type ConsumeOptions, type PartitionBatch, type ReceivedMessage } from '../event-log.js';

const BATCH_MAX = 100;
const BATCH_BYTES_MAX = MESSAGE_BYTES_MAX;
/** Above this the client stops fetching the partition; below half of it the client goes on. */
// More than one fetch of a partition (1 MiB): a client whose partitions are all held sleeps before it looks again.
const QUEUED_MAX = 10_000;
const QUEUED_BYTES_MAX = 2 * MESSAGE_BYTES_MAX;
const BACKOFF_FIRST_MS = 100;
const BACKOFF_MAX_MS = 5_000;

/** What a lane asks of the client that feeds it. */
export interface LaneClient {
  /** Commits the next offset to be processed; false when the partition is another member's by now. Throws when it should be tried again. */
  commit(offset: bigint): Promise<boolean>;
  /** Fetch from `offset` on; nothing older or newer of what is on its way may be fed any more. Throws where the offset is beyond the head. */
  seek(offset: bigint): Promise<void>;
  /** Stops or continues fetching. */
  hold(held: boolean): void;
  readonly report: ReportError;
}

interface PendingSeek {
  readonly offset: bigint;
  readonly done: (error?: Error) => void;
}

/**
 * One assigned partition of a Kafka consumer. The client feeds what it fetches, ahead of the handler and bounded; the lane
 * hands over batches, keeps what was not settled and hands it over again, and commits what was. So a slow or failing
 * partition holds up no other, and heartbeats do not depend on handlers.
 */
export class PartitionLane {
  readonly topic: string;
  readonly partition: number;
  readonly #client: LaneClient;
  readonly #options: ConsumeOptions;
  readonly #ready: Promise<void>;
  readonly #end = new AbortController();
  #queue: ReceivedMessage[] = [];
  #queuedBytes = 0;
  #held = false;
  #paused = false;
  #failures = 0;
  #running: Promise<void> | undefined;
  #batch: AbortController | undefined;
  #seek: PendingSeek | undefined;

  /** Nothing is handed over before `ready`. */
  constructor(at: { readonly topic: string; readonly partition: number }, client: LaneClient, options: ConsumeOptions, ready: Promise<void>) {
    this.topic = at.topic;
    this.partition = at.partition;
    this.#client = client;
    this.#options = options;
    this.#ready = ready;
  }

  /** Messages in offset order, behind those that were fed before. */
  feed(messages: readonly ReceivedMessage[]): void {
    if (this.#end.signal.aborted) return;
    for (const message of messages) {
      this.#queue.push(message);
      this.#queuedBytes += message.value.byteLength;
    }
    this.#flow();
    this.#wake();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#wake();
  }

  /** Interrupts the batch at hand after its current message and continues at `offset`. */
  seek(offset: bigint): Promise<void> {
    if (offset < 0n) return Promise.reject(new RangeError(`offset ${offset} is negative`));
    return new Promise((resolve, reject) => {
      this.#seek?.done(new Error('another seek replaced this one'));
      this.#seek = { offset, done: (error) => (error === undefined ? resolve() : reject(error)) };
      this.#batch?.abort();
      this.#wake();
    });
  }

  /** Finishes the message at hand, commits, and forgets what is queued. */
  async stop(): Promise<void> {
    this.#end.abort();
    this.#batch?.abort();
    await this.#running;
    this.#drop(this.#queue.length);
    this.#seek?.done(new Error('the partition is no longer held'));
    this.#seek = undefined;
  }

  #hasWork(): boolean {
    if (this.#end.signal.aborted) return false;
    return this.#seek !== undefined || (!this.#paused && this.#queue.length > 0);
  }

  #wake(): void {
    if (this.#running !== undefined || !this.#hasWork()) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      this.#wake();
    });
  }

  async #run(): Promise<void> {
    await this.#ready;
    while (this.#hasWork()) {
      try {
        if (this.#seek !== undefined) await this.#applySeek(this.#seek);
        else await this.#deliver();
      } catch (error) {
        this.#failures += 1;
        this.#client.report(error, `consumer ${this.#options.group} ${this.topic}/${this.partition}`);
      }
      if (this.#failures > 0) await delay(backoffMs(this.#failures, BACKOFF_FIRST_MS, BACKOFF_MAX_MS), this.#end.signal);
    }
  }

  async #deliver(): Promise<void> {
    const messages = this.#next();
    let resolved = -1n;
    try {
      await this.#handOver(messages, (message) => (resolved = message.offset > resolved ? message.offset : resolved));
    } finally {
      if (resolved >= 0n) await this.#settle(resolved);
    }
    // A handler that neither paused nor got anywhere would otherwise be called in a tight circle.
    this.#failures = resolved >= 0n || this.#paused || this.#seek !== undefined ? 0 : this.#failures + 1;
  }

  /** The batch to hand over: by number, and by bytes unless the first message alone is bigger. */
  #next(): ReceivedMessage[] {
    let sizeBytes = 0;
    const most = this.#queue.slice(0, this.#options.batchMax ?? BATCH_MAX);
    const end = most.findIndex((message, at) => (sizeBytes += message.value.byteLength) > BATCH_BYTES_MAX && at > 0);
    return end < 0 ? most : most.slice(0, end);
  }

  async #handOver(messages: readonly ReceivedMessage[], resolve: (message: ReceivedMessage) => void): Promise<void> {
    this.#batch = new AbortController();
    if (this.#end.signal.aborted || this.#seek !== undefined) this.#batch.abort();
    const batch: PartitionBatch = { topic: this.topic, partition: this.partition, messages, signal: this.#batch.signal, resolve };
    try {
      await this.#options.onBatch(batch);
    } finally {
      this.#batch = undefined;
    }
  }

  async #settle(resolved: bigint): Promise<void> {
    const unsettled = this.#queue.findIndex(({ offset }) => offset > resolved);
    this.#drop(unsettled < 0 ? this.#queue.length : unsettled);
    this.#flow();
    await this.#commit(resolved + 1n);
  }

  async #applySeek(seek: PendingSeek): Promise<void> {
    try {
      await this.#client.seek(seek.offset);
      this.#drop(this.#queue.length);
      this.#flow();
      await this.#commit(seek.offset);
      seek.done(this.#end.signal.aborted ? new Error('the partition is no longer held') : undefined);
    } catch (error) {
      seek.done(error instanceof Error ? error : new Error(String(error)));
    }
    if (this.#seek === seek) this.#seek = undefined;
    this.#failures = 0;
  }

  /** What is done is done: repeats until the broker has taken the offset or says that the partition is another's. */
  async #commit(offset: bigint): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        if (await this.#client.commit(offset)) failpoint('consumer.committed');
        else this.#end.abort();
        return;
      } catch (error) {
        this.#client.report(error, `commit ${this.#options.group} ${this.topic}/${this.partition}`);
        // A stopping process does not wait for a broker that is away: the messages are delivered again.
        if (this.#end.signal.aborted) return;
        await delay(backoffMs(attempt, BACKOFF_FIRST_MS, BACKOFF_MAX_MS), this.#end.signal);
      }
    }
  }

  #drop(count: number): void {
    for (const message of this.#queue.slice(0, count)) this.#queuedBytes -= message.value.byteLength;
    this.#queue = this.#queue.slice(count);
  }

  #flow(): void {
    const share = Math.max(this.#queue.length / QUEUED_MAX, this.#queuedBytes / QUEUED_BYTES_MAX);
    if (this.#held ? share > 0.5 : share < 1) return;
    this.#held = !this.#held;
    this.#client.hold(this.#held);
  }
}
