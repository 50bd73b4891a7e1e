import { EmbeddedEventLog } from '../../src/embedded/embedded-event-log.js';
import type { EventLog } from '../../src/event-log.js';
import { parseKafkaUrl } from '../../src/event-log-from-url.js';
import { KafkaJsEventLog } from '../../src/kafka/kafkajs-event-log.js';
import { PlatformaticEventLog } from '../../src/kafka/platformatic-event-log.js';

/** The adapter behind a URL, with short times. */
export function openLog(url: string, leaseMs: number): EventLog {
  if (!url.startsWith('kafka://')) return new EmbeddedEventLog({ url, leaseMs, pollMs: 200 });
  const { brokers, client } = parseKafkaUrl(url);
  const settings = { brokers, sessionTimeoutMs: leaseMs };
  return client === 'platformatic' ? new PlatformaticEventLog(settings) : new KafkaJsEventLog(settings);
}
