import type { BaseOptions } from '@platformatic/kafka';
import { backoffMs } from '../embedded/delay.js';
import { REQUEST_TIMEOUT_MS, type KafkaSettings } from './kafka-options.js';

/** How long a fetch waits at the broker for a first message. It can be long, since whatever changes what is fetched interrupts it. */
export const LONG_FETCH_MS = 5_000;

/** How long brokers and leaders are believed when nothing fails. */
const METADATA_MS_MAX = 60_000;
/** Requests on their way in one connection; the broker answers them in order. */
const IN_FLIGHT_MAX = 32;

/** Settings of every client of @platformatic/kafka here; `retries` are the client's own, with a short back-off. */
export const clientOptions = (settings: KafkaSettings, retries: number): BaseOptions => ({
  clientId: settings.clientId,
  bootstrapBrokers: [...settings.brokers],
  connectTimeout: 5_000,
  requestTimeout: REQUEST_TIMEOUT_MS,
  maxInflights: IN_FLIGHT_MAX,
  metadataMaxAge: METADATA_MS_MAX,
  autocreateTopics: false,
  retries,
  retryDelay: (_client: object, _operation: string, attempt: number) => backoffMs(attempt, 100, 1_000),
});
