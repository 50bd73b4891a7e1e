import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { Meter } from '@opentelemetry/api';
import type pg from 'pg';
import type { EventLog, ReceivedMessage } from './event-log.js';
import type { EventTypes } from './inspect.js';

/** What a handler learns besides the decoded message. */
export interface Delivery {
  readonly message: ReceivedMessage;
  /** 1 for the first try. */
  readonly attempt: number;
  /** Put it into `store.execute({ inbox })` or `inboxOnce(pool, inbox, …)`: makes the effect happen once. */
  readonly inbox: { readonly consumer: string; readonly messageId: string };
  readonly streamId: string;
  readonly streamVersion: number;
  readonly correlationId: string;
  /** Id of the event that this message carries; becomes the causation of what the handler does. */
  readonly causationId: string;
  readonly traceparent?: string;
  readonly signal: AbortSignal;
  /** Metadata for the events that follow from this message, acting as `actor`. */
  metadata(actor: string): DeliveryMetadata;
}

/** Structurally an `EventMetadata` of `@skein/events`. */
export interface DeliveryMetadata {
  readonly correlationId: string;
  readonly causationId: string;
  readonly actor: string;
  readonly traceparent?: string;
}

/**
 * Handles one event type of one topic. It must be idempotent through `delivery.inbox`. A thrown error or a returned
 * `Result` that is not ok is a failure: retriable ones pause the partition and repeat without end, others get 3 tries.
 */
export interface MessageHandler<Desc extends DescMessage = DescMessage> {
  readonly topic: string;
  readonly type: string;
  readonly schema: Desc;
  handle(message: MessageShape<Desc>, delivery: Delivery): Promise<unknown>;
}

/** Writes a handler down with its message's type inferred from the schema. */
export const onMessage = <Desc extends DescMessage>(handler: MessageHandler<Desc>): MessageHandler<Desc> => handler;

/** Minimal logger; a pino logger fits. */
export interface ConsumerLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Waiting times, in milliseconds. */
export interface ConsumerTiming {
  /** Between the 3 tries of a failure that is not retriable. Default 100. */
  readonly retryDelayMs: number;
  /** First and longest pause after a retriable failure. Defaults 250 and 15 000. */
  readonly backoffFirstMs: number;
  readonly backoffMaxMs: number;
  /** A partition failing for longer than this raises the alert. Default 60 000. */
  readonly alertAfterMs: number;
}

/** What `startConsumer` needs. `pool` is the service's own database (dead letters lie there, see `messagingMigrations`). */
export interface ConsumerOptions {
  readonly log: EventLog;
  readonly pool: pg.Pool;
  readonly group: string;
  readonly handlers: readonly MessageHandler[];
  /** `park`: the poisoned key goes to `<group>.dlq`, others go on. `stop`: the consumer stops (money). */
  readonly policy: 'park' | 'stop';
  /**
   * Every public event type by topic (`EVENT_TYPES` of the contracts): a type that is not there ends in the dead letters, or stops
   * the consumer. Without it, and on topics that are not there, unknown types are ignored.
   */
  readonly eventTypes?: EventTypes;
  /** Messages handled at the same time over all partitions; default 4. */
  readonly concurrency?: number;
  readonly batchMax?: number;
  readonly timing?: Partial<ConsumerTiming>;
  readonly logger?: ConsumerLogger;
  /** Told once, when the consumer has halted. */
  readonly onHalt?: () => void;
  /** Default: the meter of the event store over `pool`, else the API's global one. */
  readonly meter?: Meter;
}

/** `halted`: policy `stop` met a poisoned message. `crashed`: the log's consumer died. */
export type ConsumerState = 'running' | 'halted' | 'crashed' | 'stopped';

/** A running consumer; fits platform's `Worker` (`name`, `start`, `stop`, `ready`). */
export interface RunningConsumer {
  readonly name: string;
  state(): ConsumerState;
  /** False when halted, crashed or stopped. */
  alive(): boolean;
  /** Why it halted. */
  reason(): string | undefined;
  /** Replays a partition from an offset. */
  seek(topic: string, partition: number, offset: bigint): Promise<void>;
  stop(): Promise<void>;
}

/** A parked message. `first` is the message that failed; the others of its key wait behind it. `whole`: nothing of it has to be read from the log. */
export interface DeadLetter {
  readonly id: bigint;
  readonly queue: string;
  readonly group: string;
  readonly message: ReceivedMessage;
  readonly reason: string;
  readonly first: boolean;
  readonly whole: boolean;
  readonly parkedAtMs: number;
}
