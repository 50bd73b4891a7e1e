import type { EventLog } from '../event-log.js';
import type { KafkaClient } from '../event-log-from-url.js';
import type { KafkaEventLogOptions } from './kafka-options.js';
import { KafkaJsEventLog } from './kafkajs-event-log.js';
import { PlatformaticEventLog } from './platformatic-event-log.js';

export * from './clear-kafka.js';
export { KafkaJsEventLog, PlatformaticEventLog };

/** The adapter of each client, for tests and fault injection; programs take `eventLogFromUrl`. */
export const KAFKA_EVENT_LOGS: Readonly<Record<KafkaClient, new (options: KafkaEventLogOptions) => EventLog>> = { kafkajs: KafkaJsEventLog, platformatic: PlatformaticEventLog };
