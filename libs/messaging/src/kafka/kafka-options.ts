import type { ReportError } from '../embedded/partition-loop.js';
import { MESSAGE_BYTES_MAX } from '../event-log.js';

/** Settings of a Kafka adapter; all times in milliseconds. */
export interface KafkaEventLogOptions {
  /** Bootstrap addresses, `host:port`. */
  readonly brokers: readonly string[];
  /** Shown in the broker's metrics and quotas; default `skein`. */
  readonly clientId?: string;
  /** A member that was not heard of for this long loses its partitions. Default 10 000. */
  readonly sessionTimeoutMs?: number;
  /** How long a rebalance waits for members that finish what is at hand. Default 30 000. */
  readonly rebalanceTimeoutMs?: number;
  /** Copies of each partition of a new topic. Default 1. */
  readonly replication?: number;
  readonly onError?: ReportError;
}

/** Options with their defaults. */
export type KafkaSettings = Required<KafkaEventLogOptions>;

export const kafkaSettings = (options: KafkaEventLogOptions): KafkaSettings => ({
  clientId: 'skein',
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 30_000,
  replication: 1,
  onError: () => undefined,
  ...options,
});

/**
 * How long a fetch waits at the broker for a first message, which ends it at once. It bounds how late a partition that was held is
 * fetched again and how late a rebalance is heard of. At rest it is most of what Kafka costs: at 500 ms two fetches per second
 * and group, together about 5 % of one core for the eight worker processes of a cluster.
 */
export const FETCH_WAIT_MS = 2_000;

/** A request that is not answered for this long has failed. */
export const REQUEST_TIMEOUT_MS = 15_000;

/** Waiting for a client to leave its broker, which may be away. */
export const CLOSE_MS_MAX = 5_000;

/** Most bytes of one record batch; the framing and headers of a message at the limit fit. */
export const BATCH_BYTES_MAX = MESSAGE_BYTES_MAX + 64 * 1024;
