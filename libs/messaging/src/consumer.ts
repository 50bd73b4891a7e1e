import { meterOf, showDuplicates, tracerFor } from '@skein/events';
import type { RejectionError } from '@skein/kernel';
import { failpoint, outsideTrace, withTrace } from '@skein/telemetry';
import { ConsumerMetrics } from './consumer-metrics.js';
import type { ConsumerOptions, ConsumerState, ConsumerTiming, RunningConsumer } from './consumer.types.js';
import { park, parkedKeys } from './dead-letters.js';
import { Dispatcher } from './dispatch.js';
import { delay } from './embedded/delay.js';
import type { LogConsumer, PartitionBatch, ReceivedMessage } from './event-log.js';
import { isRetriable, reasonOf } from './failure.js';
import { HEADER } from './headers.js';
import { clearHalt, haltsAt, recordHalt, type HaltAt } from './halts.js';
import { inspectBatch } from './inspection.js';
import { RetryState, STANDARD_TIMING } from './retry-state.js';
import { Semaphore } from './semaphore.js';
import { StallNotes } from './stalls.js';
import { inReceive } from './tracing.js';

const TRIES = 3;

type Outcome = { kind: 'done' } | { kind: 'interrupted' } | { kind: 'retriable'; error: unknown } | { kind: 'poison'; error: unknown };

/**
 * Starts a member of a consumer group. One message at a time per partition, so order per key holds. A retriable failure
 * pauses its partition and repeats without end, with back-off; anything else has 3 tries, then the message is poison: with
 * `park` it and the later messages of its key go to `<group>.dlq` while other keys go on, with `stop` the consumer halts
 * before it. What is wrong before it is decoded (headers, size, an unknown type, an id met with other content) is poison at once.
 * Known types without a handler are ignored. Nothing escapes a handler.
 */
export async function startConsumer(options: ConsumerOptions): Promise<RunningConsumer> {
  const consumer = new Consumer(options);
  await consumer.start();
  return consumer;
}

class Consumer implements RunningConsumer {
  readonly name: string;
  readonly #options: ConsumerOptions;
  readonly #timing: ConsumerTiming;
  readonly #dispatcher: Dispatcher;
  readonly #retries: RetryState;
  readonly #stalls: StallNotes;
  readonly #semaphore: Semaphore;
  readonly #metrics: ConsumerMetrics;
  readonly #consumer = Promise.withResolvers<LogConsumer>();
  #log: LogConsumer | undefined;
  #reason: string | undefined;
  #stopped = false;

  constructor(options: ConsumerOptions) {
    this.name = options.group;
    this.#options = options;
    this.#timing = { ...STANDARD_TIMING, ...options.timing };
    this.#dispatcher = new Dispatcher(options.group, options.handlers, tracerFor(options.pool), options.eventTypes);
    this.#retries = new RetryState(this.#timing);
    this.#stalls = new StallNotes(options.pool, options.group, (error) => options.logger?.warn({ group: options.group, err: error }, 'a stall could not be told of'));
    this.#semaphore = new Semaphore(options.concurrency ?? 4);
    showDuplicates(options.pool, options.group);
    this.#metrics = new ConsumerMetrics(
      { log: options.log, group: options.group, topics: this.#dispatcher.topics, halted: () => this.#reason !== undefined, retrying: () => this.#retries.retrying() },
      options.meter ?? meterOf(options.pool),
    );
  }

  async start(): Promise<void> {
    const { log, group, batchMax } = this.#options;
    const limit = batchMax === undefined ? {} : { batchMax };
    try {
      this.#log = await log.consume({ group, topics: this.#dispatcher.topics, ...limit, onBatch: (batch) => outsideTrace(() => this.#onBatch(batch)) });
    } catch (error) {
      this.#metrics.stop();
      throw error;
    }
    this.#consumer.resolve(this.#log);
  }

  state(): ConsumerState {
    if (this.#reason !== undefined) return 'halted';
    if (this.#stopped) return 'stopped';
    return this.#log?.alive() === true ? 'running' : 'crashed';
  }

  alive(): boolean {
    return this.state() === 'running';
  }

  reason(): string | undefined {
    return this.#reason;
  }

  async seek(topic: string, partition: number, offset: bigint): Promise<void> {
    await this.#log?.seek(topic, partition, offset);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#retries.stop();
    await this.#log?.stop();
    this.#retries.stop();
    this.#metrics.stop();
  }

  async #onBatch(batch: PartitionBatch): Promise<void> {
    try {
      await inReceive(this.#options.pool, this.name, batch, (message) => this.#dispatcher.knows(message), () => this.#process(batch));
    } catch (error) {
      // Only the strategy's own database (dead letters) can fail here: as retriable as it gets.
      await this.#pause(batch, error);
    }
  }

  async #process(batch: PartitionBatch): Promise<void> {
    const { messages, wrong } = await inspectBatch(this.#options.pool, this.name, this.#dispatcher, batch.messages);
    const parked = await this.#parkedKeys(batch.topic, messages, wrong);
    const halts = await this.#halts(batch);
    for (const message of messages) {
      if (batch.signal.aborted || this.#reason !== undefined) return;
      const halt = halts.get(message.offset);
      // An operator has let this one pass: without effect, like a discarded dead letter. By its id, too: a log made anew counts from 0 again.
      const discarded = halt?.discarded === true && halt.messageId === message.id;
      const settled = discarded ? this.#settled('discarded', message) : await this.#one(message, batch, parked, wrong.get(message));
      if (!settled) return;
      if (halt !== undefined) await clearHalt(this.#options.pool, this.name, message);
      batch.resolve(message);
      // A batch that was taken away must not touch what the partition's new batch waits for.
      if (!batch.signal.aborted && this.#retries.succeeded(batch.topic, batch.partition)) await this.#stalls.end(batch.topic, batch.partition);
    }
  }

  /** True when the message is settled and the next may follow. */
  async #one(message: ReceivedMessage, batch: PartitionBatch, parked: Set<string>, wrong: RejectionError | undefined): Promise<boolean> {
    if (wrong === undefined && !this.#dispatcher.knows(message)) return this.#settled('ignored', message);
    if (parked.has(message.key)) {
      if (await park(this.#options.pool, this.name, message, 'waits behind a parked message of its key', false)) return this.#settled('parked', message);
      parked.delete(message.key);
    }
    // Trying again cannot mend it.
    if (wrong !== undefined) return this.#poison(message, wrong, parked);
    const outcome = await this.#semaphore.run(() => this.#handle(message, batch.signal));
    if (outcome.kind === 'done') return this.#settled('done', message);
    if (outcome.kind === 'interrupted') return false;
    if (outcome.kind === 'poison') return this.#poison(message, outcome.error, parked);
    this.#metrics.count('retried', { group: this.name, topic: message.topic });
    await this.#pause(batch, outcome.error, message);
    return false;
  }

  async #handle(message: ReceivedMessage, signal: AbortSignal): Promise<Outcome> {
    const before = this.#retries.attempts(message.topic, message.partition);
    for (let attempt = 1; ; attempt++) {
      if (signal.aborted) return { kind: 'interrupted' };
      try {
        failpoint('consumer.received');
        await this.#dispatcher.call(message, before + attempt, signal);
        failpoint('consumer.handled');
        return { kind: 'done' };
      } catch (error) {
        if (isRetriable(error)) return { kind: 'retriable', error };
        if (attempt === TRIES) return { kind: 'poison', error };
        inTraceOf(message, () => this.#options.logger?.warn({ ...where(this.name, message), attempt, err: error }, 'message failed; it is tried again'));
        await delay(this.#timing.retryDelayMs * attempt, signal);
      }
    }
  }

  async #poison(message: ReceivedMessage, error: unknown, parked: Set<string>): Promise<boolean> {
    const reason = reasonOf(error);
    const fields = { ...where(this.name, message), err: error };
    if (this.#options.policy === 'stop') {
      await recordHalt(this.#options.pool, this.name, message, reason);
      inTraceOf(message, () => this.#options.logger?.error(fields, 'poisoned message: the consumer stops before it'));
      this.#halt(`${message.topic}/${message.partition}@${message.offset} ${message.type}: ${reason}`);
      this.#metrics.count('halted', { group: this.name, topic: message.topic });
      return false;
    }
    await park(this.#options.pool, this.name, message, reason, true);
    parked.add(message.key);
    inTraceOf(message, () => this.#options.logger?.error(fields, 'poisoned message: parked with the later messages of its key'));
    return this.#settled('parked', message);
  }

  /** Leaves the group without waiting: it is called from within a batch that leaving waits for. */
  #halt(reason: string): void {
    this.#reason = reason;
    this.#options.onHalt?.();
    this.#log?.stop().catch((error: unknown) => this.#options.logger?.error({ group: this.name, err: error }, 'halted consumer could not leave'));
  }

  async #pause(batch: PartitionBatch, error: unknown, message?: ReceivedMessage): Promise<void> {
    // `consume` may hand over a first batch before it returns, and may then fail and end that batch.
    const log = await Promise.race([this.#consumer.promise, aborted(batch.signal)]);
    // Nor may it pause the partition of its successor: nobody would resume that.
    if (log === undefined || batch.signal.aborted || this.#stopped || this.#reason !== undefined) return;
    const { topic, partition } = batch;
    log.pause(topic, partition);
    const { waitMs, alert, stalledSeconds } = this.#retries.failed(topic, partition, () => log.resume(topic, partition));
    if (stalledSeconds !== undefined) this.#stalls.tell({ topic, partition, reason: reasonOf(error), seconds: stalledSeconds });
    const fields = { ...where(this.name, message ?? batch), waitMs, err: error };
    inTraceOf(message, () => {
      if (alert) this.#options.logger?.error(fields, 'partition has been failing for too long');
      else this.#options.logger?.warn(fields, 'retriable failure: the partition is paused');
    });
  }

  async #parkedKeys(topic: string, messages: readonly ReceivedMessage[], wrong: ReadonlyMap<ReceivedMessage, RejectionError>): Promise<Set<string>> {
    if (this.#options.policy === 'stop') return new Set();
    const keys = [...new Set(messages.filter((message) => this.#dispatcher.knows(message) || wrong.has(message)).map(({ key }) => key))];
    return keys.length === 0 ? new Set() : parkedKeys(this.#options.pool, this.name, topic, keys);
  }

  async #halts({ topic, partition, messages }: PartitionBatch): Promise<ReadonlyMap<bigint, HaltAt>> {
    const [first, last] = [messages[0]?.offset, messages.at(-1)?.offset];
    if (this.#options.policy !== 'stop' || first === undefined || last === undefined) return new Map();
    return haltsAt(this.#options.pool, this.name, topic, partition, { first, last });
  }

  #settled(outcome: 'done' | 'ignored' | 'parked' | 'discarded', message: ReceivedMessage): true {
    this.#metrics.count(outcome, { group: this.name, topic: message.topic });
    if (outcome !== 'ignored') inTraceOf(message, () => this.#options.logger?.debug({ ...where(this.name, message), outcome }, 'message'));
    return true;
  }
}

const aborted = (signal: AbortSignal): Promise<undefined> =>
  new Promise((resolve) => (signal.aborted ? resolve(undefined) : signal.addEventListener('abort', () => resolve(undefined), { once: true })));

/** A line about a message stands in the message's trace, not in that of the batch. */
const inTraceOf = (message: ReceivedMessage | undefined, work: () => void): void => withTrace(message?.headers[HEADER.traceparent], work);

const where = (group: string, at: { topic: string; partition: number; offset?: bigint; type?: string; id?: string }): object => ({
  group, topic: at.topic, partition: at.partition, offset: at.offset, type: at.type, messageId: at.id,
});
