import { failpoint } from '@skein/telemetry';
import { MESSAGE_BYTES_MAX, type ConsumeOptions, type PartitionBatch, type ReceivedMessage } from '../event-log.js';
import { backoffMs, delay } from './delay.js';
import type { Claim, LogDatabase } from './log-database.js';

const BATCH_MAX = 100;
/** Many partitions may be fetched at a time, so a batch is no bigger than one message may be. */
const BATCH_BYTES_MAX = MESSAGE_BYTES_MAX;
const BACKOFF_FIRST_MS = 100;
const BACKOFF_MAX_MS = 5_000;

/** Where background failures go. */
export type ReportError = (error: unknown, where: string) => void;

interface PendingSeek {
  readonly offset: bigint;
  readonly done: (error?: Error) => void;
}

/**
 * Delivers one leased partition: fetches, hands over, commits under its epoch, again while there is more; asleep otherwise.
 * It ends by itself when a commit shows that the lease has changed hands.
 */
export class PartitionLoop {
  readonly claim: Claim;
  readonly #db: LogDatabase;
  readonly #options: ConsumeOptions;
  readonly #report: ReportError;
  readonly #end = new AbortController();
  #position: bigint;
  #head: bigint;
  #paused = false;
  #failures = 0;
  #takenBack = false;
  #running: Promise<void> | undefined;
  #batch: AbortController | undefined;
  #seek: PendingSeek | undefined;

  constructor(db: LogDatabase, claim: Claim, options: ConsumeOptions, report: ReportError) {
    this.#db = db;
    this.claim = claim;
    this.#options = options;
    this.#report = report;
    this.#position = claim.committed;
    this.#head = claim.head;
  }

  /** Looks for work; `head` tells that there are messages below it. */
  wake(head: bigint = this.#head): void {
    if (head > this.#head) this.#head = head;
    if (this.#running !== undefined || !this.#hasWork()) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      this.wake();
    });
  }

  /**
   * Told what the database has as committed. Less than this loop committed: offsets do not wait for the disk, and the server was
   * killed before they had got there. Nothing would be delivered twice here, but the group would stay behind until the next
   * message. While the loop runs it commits by itself.
   */
  confirm(committed: bigint): void {
    if (this.#running !== undefined || committed >= this.#position) return;
    this.#takenBack = true;
    this.wake();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.wake();
  }

  /** Interrupts the batch at hand after its current message and continues at `offset`. */
  seek(offset: bigint): Promise<void> {
    if (offset < 0n) return Promise.reject(new RangeError(`offset ${offset} is negative`));
    return new Promise((resolve, reject) => {
      this.#seek?.done(new Error('another seek replaced this one'));
      this.#seek = { offset, done: (error) => (error === undefined ? resolve() : reject(error)) };
      this.#batch?.abort();
      this.wake();
    });
  }

  /** Finishes the message at hand and commits; the lease itself is the caller's to release. */
  async stop(): Promise<void> {
    this.#end.abort();
    this.#batch?.abort();
    await this.#running;
    this.#seek?.done(new Error('the partition is no longer held'));
    this.#seek = undefined;
  }

  #hasWork(): boolean {
    if (this.#end.signal.aborted) return false;
    return this.#seek !== undefined || this.#takenBack || (!this.#paused && this.#position < this.#head);
  }

  async #run(): Promise<void> {
    while (this.#hasWork()) {
      try {
        if (this.#seek !== undefined) await this.#applySeek(this.#seek);
        else if (this.#takenBack) await this.#commit(this.#position);
        else await this.#deliver();
      } catch (error) {
        this.#failures += 1;
        this.#report(error, `consumer ${this.#options.group} ${this.claim.topic}/${this.claim.partition}`);
      }
      if (this.#failures > 0) await delay(backoffMs(this.#failures, BACKOFF_FIRST_MS, BACKOFF_MAX_MS), this.#end.signal);
    }
  }

  async #deliver(): Promise<void> {
    const messages = await this.#db.fetch(this.claim, this.#position, this.#options.batchMax ?? BATCH_MAX, BATCH_BYTES_MAX);
    if (messages.length === 0) throw new Error(`no message at offset ${this.#position} below head ${this.#head}`);
    const before = this.#position;
    let resolved = before;
    try {
      await this.#handOver(messages, (message) => (resolved = message.offset >= resolved ? message.offset + 1n : resolved));
    } finally {
      if (resolved > before) await this.#commit(resolved);
    }
    // A handler that neither paused nor got anywhere would otherwise be called in a tight circle.
    this.#failures = resolved > before || this.#paused || this.#seek !== undefined ? 0 : this.#failures + 1;
  }

  async #handOver(messages: readonly ReceivedMessage[], resolve: (message: ReceivedMessage) => void): Promise<void> {
    this.#batch = new AbortController();
    if (this.#end.signal.aborted) this.#batch.abort();
    const { topic, partition } = this.claim;
    const batch: PartitionBatch = { topic, partition, messages, signal: this.#batch.signal, resolve };
    try {
      await this.#options.onBatch(batch);
    } finally {
      this.#batch = undefined;
    }
  }

  async #applySeek(seek: PendingSeek): Promise<void> {
    this.#head = (await this.#db.heads([this.claim.id])).get(this.claim.id) ?? this.#head;
    const error = seek.offset > this.#head ? new RangeError(`offset ${seek.offset} is beyond the head ${this.#head}`) : undefined;
    if (error === undefined) await this.#commit(seek.offset);
    if (this.#seek === seek) this.#seek = undefined;
    seek.done(error ?? (this.#end.signal.aborted ? new Error('the partition is no longer held') : undefined));
    this.#failures = 0;
  }

  /** What is done is done: repeats until the database has taken the offset or says that the lease is another's. */
  async #commit(offset: bigint): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        const held = await this.#db.commit(this.#options.group, this.claim.id, this.claim.epoch, offset);
        if (held) failpoint('consumer.committed');
        else this.#end.abort();
        this.#takenBack = false;
        this.#position = offset;
        return;
      } catch (error) {
        this.#report(error, `commit ${this.#options.group} ${this.claim.topic}/${this.claim.partition}`);
        // A stopping process does not wait for a database that is away: the messages are delivered again.
        if (this.#end.signal.aborted) return;
        await delay(backoffMs(attempt, BACKOFF_FIRST_MS, BACKOFF_MAX_MS), this.#end.signal);
      }
    }
  }
}
