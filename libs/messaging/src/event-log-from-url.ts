import type { ReportError } from './embedded/partition-loop.js';
import type { EventLog } from './event-log.js';
import type { KafkaEventLogOptions } from './kafka/kafka-options.js';
import { sharedEventLog } from './shared.js';

/** What `eventLogFromUrl` needs. */
export interface EventLogFromUrl {
  /** `postgres://…`: the embedded log's database. `kafka://host:port,host:port?client=platformatic&replication=3`: a Kafka cluster. */
  readonly url: string;
  readonly clientId?: string;
  readonly onError?: ReportError;
}

/** Clients of Kafka that an `EventLog` is there for. */
export const KAFKA_CLIENTS = ['kafkajs', 'platformatic'] as const;
export type KafkaClient = (typeof KAFKA_CLIENTS)[number];

/** A `kafka://` URL, taken apart. */
export interface KafkaUrl {
  readonly brokers: readonly string[];
  readonly client: KafkaClient;
  readonly replication: number;
}

const BROKER = /^(\[[0-9a-f:]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/i;
const DEFAULT_CLIENT: KafkaClient = 'platformatic';
const REPLICATION_MAX = 16;

/** Throws an `Error` that says which part of the URL is wrong; it never repeats the URL. */
export function parseKafkaUrl(url: string): KafkaUrl {
  const [, hosts = '', query = ''] = /^kafka:\/\/([^/?#]*)\/?(?:\?([^#]*))?$/.exec(url) ?? [];
  const brokers = hosts.split(',').map((each) => each.trim());
  if (!brokers.every((each) => BROKER.test(each))) throw new Error('must be kafka://host:port,host:port');
  const parameters = new URLSearchParams(query);
  for (const name of parameters.keys()) if (name !== 'client' && name !== 'replication') throw new Error(`has an unknown parameter ${name}`);
  const client = KAFKA_CLIENTS.find((each) => each === (parameters.get('client') ?? DEFAULT_CLIENT));
  if (client === undefined) throw new Error(`client must be one of ${KAFKA_CLIENTS.join(', ')}`);
  const replication = Number(parameters.get('replication') ?? 1);
  if (!Number.isInteger(replication) || replication < 1 || replication > REPLICATION_MAX) throw new Error(`replication must be 1…${REPLICATION_MAX}`);
  return { brokers, client, replication };
}

/** The event log behind a URL, shared within the process for `postgres://`. A Kafka client is loaded at its first use. */
export function eventLogFromUrl(options: EventLogFromUrl): EventLog {
  const { url, clientId, onError } = options;
  if (!url.startsWith('kafka://')) return sharedEventLog({ url, ...(onError && { onError }) });
  const { brokers, client, replication } = parseKafkaUrl(url);
  return lazily(() => CLIENTS[client]({ brokers, replication, ...(clientId && { clientId }), ...(onError && { onError }) }));
}

const CLIENTS: Record<KafkaClient, (settings: KafkaEventLogOptions) => Promise<EventLog>> = {
  kafkajs: async (settings) => new (await import('./kafka/kafkajs-event-log.js')).KafkaJsEventLog(settings),
  platformatic: async (settings) => new (await import('./kafka/platformatic-event-log.js')).PlatformaticEventLog(settings),
};

function lazily(load: () => Promise<EventLog>): EventLog {
  let loading: Promise<EventLog> | undefined;
  let closed = false;
  const log = (): Promise<EventLog> => (closed ? Promise.reject(new Error('the event log is closed')) : (loading ??= load()));
  return {
    send: async (messages) => (await log()).send(messages),
    consume: async (options) => (await log()).consume(options),
    lag: async (group) => (await log()).lag(group),
    members: async (group) => (await log()).members?.(group),
    topics: async () => (await (await log()).topics?.()) ?? [],
    read: async (place) => (await log()).read?.(place),
    createTopics: async (specs) => (await log()).createTopics(specs),
    close: async () => {
      closed = true;
      await (await loading)?.close();
    },
  };
}
