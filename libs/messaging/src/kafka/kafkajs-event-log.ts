import type { Admin, Kafka, Producer, RetryOptions } from 'kafkajs';
import type { ConsumeOptions, EventLog, Lag, LogConsumer, MemberState, Place, PublicMessage, ReceivedMessage, TopicSpec, TopicState } from '../event-log.js';
import { unknownTopic } from '../message-size.js';
import { unavailable } from './kafka-errors.js';
import { kafkaSettings, REQUEST_TIMEOUT_MS, type KafkaEventLogOptions, type KafkaSettings } from './kafka-options.js';
import { memberStates } from './kafkajs-group.js';
import { KafkaJsMember } from './kafkajs-member.js';
import { loadKafkaJs } from './kafkajs-load.js';
import { readPlace } from './kafkajs-read.js';
import { drifted, lagOf, sortTopics, topicSettings, topicStates, type Configuration } from './kafka-topics.js';
import { recordBatches, type PlacedRecord } from './record-batches.js';
import { reportOnce } from './report-once.js';

type KafkaJs = ReturnType<typeof loadKafkaJs>;

/**
 * The event log on Kafka through kafkajs 2.2.4. `send` checks everything before it writes; what one call writes to one
 * partition is one record batch (all or none, up to about 1 MiB), while a broker that fails in between may have taken some
 * partitions' batches and not others': `send` then throws, and its caller sends all of them again, as a relay does.
 */
export class KafkaJsEventLog implements EventLog {
  readonly #settings: KafkaSettings;
  readonly #kafkaJs: KafkaJs;
  readonly #kafka: Kafka;
  readonly #kafkaOfMembers: Kafka;
  readonly #members = new Set<KafkaJsMember>();
  #producer: Promise<Producer> | undefined;
  #admin: Promise<Admin> | undefined;
  #topics: ReadonlyMap<string, number> = new Map();
  #closing: Promise<void> | undefined;

  constructor(options: KafkaEventLogOptions) {
    const settings = kafkaSettings(options);
    this.#settings = { ...settings, onError: reportOnce(settings.onError) };
    this.#kafkaJs = loadKafkaJs();
    this.#kafka = this.#client({ initialRetryTime: 100, maxRetryTime: 1_000, retries: 5 });
    // Members try far longer: one that gives up comes back as a new member, and its group waits until the old one's session ends.
    this.#kafkaOfMembers = this.#client({ initialRetryTime: 100, maxRetryTime: 500, retries: 120 });
  }

  async send(messages: readonly PublicMessage[]): Promise<void> {
    if (messages.length === 0) return;
    this.#assertOpen();
    const requests = await recordBatches(messages, (topic) => this.#partitionsOf(topic));
    for (const request of requests) await this.#write(request);
  }

  async consume(options: ConsumeOptions): Promise<LogConsumer> {
    this.#assertOpen();
    for (const topic of options.topics) if ((await this.#partitionsOf(topic)) === 0) throw unknownTopic(topic);
    const admin = await this.#connectedAdmin();
    const member = new KafkaJsMember({ kafka: this.#kafkaOfMembers, kafkaJs: this.#kafkaJs, admin, settings: this.#settings, left: () => void this.#members.delete(member) }, options);
    this.#members.add(member);
    try {
      await member.start();
    } catch (error) {
      await member.stop();
      throw unavailable(error);
    }
    return member;
  }

  async lag(group: string): Promise<Lag[]> {
    return this.#asking(async (admin) => {
      const topics = await admin.fetchOffsets({ groupId: group });
      const lags = await Promise.all(topics.map(async ({ topic, partitions }) => {
        const heads = new Map((await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => [partition, BigInt(high)]));
        return partitions.filter(({ offset }) => offset !== '-1').map(({ partition, offset }) => lagOf(topic, partition, BigInt(offset), heads.get(partition)));
      }));
      return lags.flat().sort((one, other) => one.topic.localeCompare(other.topic) || one.partition - other.partition);
    });
  }

  async members(group: string): Promise<MemberState[]> {
    const { groups } = await this.#asking((admin) => admin.describeGroups([group]));
    return groups.flatMap((description) => memberStates(this.#kafkaJs, description, Date.now()));
  }

  async read(place: Place): Promise<ReceivedMessage | undefined> {
    if ((await this.#partitionsOf(place.topic)) <= place.partition) return undefined;
    return this.#asking((admin) => readPlace(this.#kafka, admin, place));
  }

  async topics(): Promise<TopicState[]> {
    await this.#loadTopics();
    return topicStates(this.#topics, (names) => this.#configurations(names));
  }

  async createTopics(specs: readonly TopicSpec[]): Promise<void> {
    await this.#loadTopics();
    const { missing, existing } = sortTopics(this.#topics, specs);
    if (missing.length > 0) {
      const topics = missing.map((spec) => ({ topic: spec.topic, numPartitions: spec.partitions, replicationFactor: this.#settings.replication, configEntries: entriesOf(spec) }));
      await this.#asking((admin) => admin.createTopics({ topics, waitForLeaders: true }));
      await this.#loadTopics();
      // Somebody else may have been quicker, with other numbers.
      sortTopics(this.#topics, missing);
    }
    const changed = drifted(existing, await this.#configurations(existing.map(({ topic }) => topic)));
    if (changed.length === 0) return;
    const resources = changed.map((spec) => ({ type: this.#kafkaJs.ConfigResourceTypes.TOPIC, name: spec.topic, configEntries: entriesOf(spec) }));
    await this.#asking((admin) => admin.alterConfigs({ validateOnly: false, resources }));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#members].map((member) => member.stop()));
    const clients = await Promise.allSettled([this.#producer, this.#admin]);
    await Promise.allSettled(clients.map((client) => (client.status === 'fulfilled' ? client.value?.disconnect() : undefined)));
  }

  #client(retry: RetryOptions): Kafka {
    return new this.#kafkaJs.Kafka({
      clientId: this.#settings.clientId,
      brokers: [...this.#settings.brokers],
      connectionTimeout: 5_000,
      requestTimeout: REQUEST_TIMEOUT_MS,
      retry,
      logLevel: this.#kafkaJs.logLevel.ERROR,
      logCreator: () => ({ namespace, log }) => this.#settings.onError(new Error(log.message), `kafkajs ${namespace}`),
    });
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new Error('the event log is closed');
  }

  async #write(records: readonly PlacedRecord[]): Promise<void> {
    const byTopic = Map.groupBy(records, ({ topic }) => topic);
    const topicMessages = [...byTopic].map(([topic, placed]) => ({
      topic,
      messages: placed.map(({ key, value, headers, timestampMs, partition }) => ({ key, value, headers: { ...headers }, timestamp: String(timestampMs), partition })),
    }));
    const producer = this.#connectedProducer();
    try {
      await (await producer).sendBatch({ acks: -1, topicMessages });
    } catch (error) {
      // Its sequence numbers may be out of step with the broker's now: the next call begins with a producer of its own.
      if (this.#producer === producer) this.#producer = undefined;
      void producer.then((each) => each.disconnect()).catch(() => undefined);
      throw unavailable(error);
    }
  }

  #connectedProducer(): Promise<Producer> {
    return (this.#producer ??= (async () => {
      const producer = this.#kafka.producer({
        idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false,
        createPartitioner: () => ({ message }) => message.partition ?? 0,
      });
      await producer.connect();
      return producer;
    })());
  }

  async #connectedAdmin(): Promise<Admin> {
    const connecting = (this.#admin ??= (async () => {
      const admin = this.#kafka.admin();
      await admin.connect();
      return admin;
    })());
    try {
      return await connecting;
    } catch (error) {
      if (this.#admin === connecting) this.#admin = undefined;
      throw unavailable(error);
    }
  }

  async #asking<T>(question: (admin: Admin) => Promise<T>): Promise<T> {
    this.#assertOpen();
    try {
      return await question(await this.#connectedAdmin());
    } catch (error) {
      throw unavailable(error);
    }
  }

  /** Settings by topic. */
  async #configurations(names: readonly string[]): Promise<Map<string, Configuration>> {
    if (names.length === 0) return new Map();
    const resources = names.map((name) => ({ type: this.#kafkaJs.ConfigResourceTypes.TOPIC, name }));
    const described = await this.#asking((admin) => admin.describeConfigs({ includeSynonyms: false, resources }));
    return new Map(described.resources.map(({ resourceName, configEntries }) => [resourceName, new Map(configEntries.map(({ configName, configValue }) => [configName, configValue]))]));
  }

  /** 0 where the topic does not exist. */
  async #partitionsOf(topic: string): Promise<number> {
    if (!this.#topics.has(topic)) await this.#loadTopics();
    return this.#topics.get(topic) ?? 0;
  }

  async #loadTopics(): Promise<void> {
    const { topics } = await this.#asking((admin) => admin.fetchTopicMetadata());
    this.#topics = new Map(topics.map(({ name, partitions }) => [name, partitions.length]));
  }
}

const entriesOf = (spec: TopicSpec): { name: string; value: string }[] => Object.entries(topicSettings(spec)).map(([name, value]) => ({ name, value }));
