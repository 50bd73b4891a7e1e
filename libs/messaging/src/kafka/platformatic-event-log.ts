import { Admin, ConfigResourceTypes, Producer } from '@platformatic/kafka';
import { backoffMs, delay } from '../embedded/delay.js';
import type { ConsumeOptions, EventLog, Lag, LogConsumer, MemberState, Place, PublicMessage, ReceivedMessage, TopicSpec, TopicState } from '../event-log.js';
import { unknownTopic } from '../message-size.js';
import { hasKafkaError, unavailable } from './kafka-errors.js';
import { kafkaSettings, REQUEST_TIMEOUT_MS, type KafkaEventLogOptions, type KafkaSettings } from './kafka-options.js';
import { drifted, lagOf, sortTopics, topicSettings, topicStates, type Configuration } from './kafka-topics.js';
import { memberState } from './member-note.js';
import { PlatformaticMember } from './platformatic-member.js';
import { clientOptions } from './platformatic-options.js';
import { readPlace } from './platformatic-read.js';
import { recordBatches, type PlacedRecord } from './record-batches.js';
import { reportOnce } from './report-once.js';

const RETRIES = 4;
const LATEST = -1n;
const NEVER_COMMITTED = -1n;
const NOT_THERE = new Set(['GROUP_ID_NOT_FOUND']);
const ALREADY_THERE = new Set(['TOPIC_ALREADY_EXISTS']);

/**
 * The event log on Kafka through @platformatic/kafka. `send` checks everything before it writes; what one call writes to one
 * partition is one record batch (all or none, up to about 1 MiB), while a broker that fails in between may have taken some
 * partitions' batches and not others': `send` then throws, and its caller sends all of them again, as a relay does.
 */
export class PlatformaticEventLog implements EventLog {
  readonly #settings: KafkaSettings;
  readonly #members = new Set<PlatformaticMember>();
  readonly #admin: Admin;
  #producer: Producer | undefined;
  #topics: ReadonlyMap<string, number> = new Map();
  #closing: Promise<void> | undefined;

  constructor(options: KafkaEventLogOptions) {
    const settings = kafkaSettings(options);
    this.#settings = { ...settings, onError: reportOnce(settings.onError) };
    this.#admin = new Admin(clientOptions(this.#settings, RETRIES));
    this.#admin.on('error', (error) => this.#settings.onError(error, 'kafka admin'));
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
    const member = new PlatformaticMember({ settings: this.#settings, left: () => void this.#members.delete(member) }, options);
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
    return this.#asking(async () => {
      const [of] = await this.#admin.listConsumerGroupOffsets({ groups: [group] });
      const committed = (of?.topics ?? []).flatMap(({ name, partitions }) =>
        partitions.filter(({ committedOffset }) => committedOffset !== NEVER_COMMITTED).map(({ partitionIndex, committedOffset }) => ({ topic: name, partition: partitionIndex, committedOffset })));
      if (committed.length === 0) return [];
      const topics = [...Map.groupBy(committed, ({ topic }) => topic)].map(([name, partitions]) => ({ name, partitions: partitions.map(({ partition }) => ({ partitionIndex: partition, timestamp: LATEST })) }));
      const listed = await this.#admin.listOffsets({ topics });
      const heads = new Map(listed.flatMap(({ name, partitions }) => partitions.map(({ partitionIndex, offset }) => [`${name}/${partitionIndex}`, offset] as const)));
      return committed.map((each) => lagOf(each.topic, each.partition, each.committedOffset, heads.get(`${each.topic}/${each.partition}`)))
        .sort((one, other) => one.topic.localeCompare(other.topic) || one.partition - other.partition);
    });
  }

  async members(group: string): Promise<MemberState[]> {
    try {
      const described = await this.#asking(() => this.#admin.describeGroups({ groups: [group] }));
      const members = [...(described.get(group)?.members.values() ?? [])];
      return members.map(({ id, clientId, clientHost, metadata, assignments }) =>
        memberState({ id, clientId, clientHost, userData: bytesOf(metadata?.metadata), assignment: [...(assignments?.values() ?? [])] }, Date.now()));
    } catch (error) {
      if (hasKafkaError(error, NOT_THERE)) return [];
      throw error;
    }
  }

  async read(place: Place): Promise<ReceivedMessage | undefined> {
    if ((await this.#partitionsOf(place.topic)) <= place.partition) return undefined;
    return this.#asking(() => readPlace(this.#admin, this.#settings, place));
  }

  async topics(): Promise<TopicState[]> {
    await this.#loadTopics();
    return topicStates(this.#topics, (names) => this.#configurations(names));
  }

  async createTopics(specs: readonly TopicSpec[]): Promise<void> {
    await this.#loadTopics();
    const { missing, existing } = sortTopics(this.#topics, specs);
    // One request has the same settings for all of its topics.
    for (const alike of Map.groupBy(missing, ({ retention }) => retention).values()) await this.#create(alike);
    if (missing.length > 0) {
      await this.#appearance(missing);
      // Somebody else may have been quicker, with other numbers.
      sortTopics(this.#topics, missing);
    }
    const changed = drifted(existing, await this.#configurations(existing.map(({ topic }) => topic)));
    if (changed.length === 0) return;
    const resources = changed.map((spec) => ({ resourceType: ConfigResourceTypes.TOPIC, resourceName: spec.topic, configs: entriesOf(spec) }));
    await this.#asking(() => this.#admin.alterConfigs({ resources }));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#members].map((member) => member.stop()));
    await Promise.allSettled([this.#producer?.close(true), this.#admin.close()]);
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new Error('the event log is closed');
  }

  async #write(records: readonly PlacedRecord[]): Promise<void> {
    const producer = (this.#producer ??= this.#newProducer());
    try {
      await producer.send({
        messages: records.map(({ topic, partition, key, value, headers, timestampMs }) => ({
          topic, partition, key, value, timestamp: BigInt(timestampMs),
          headers: new Map(Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)])),
        })),
      });
    } catch (error) {
      // Its sequence numbers may be out of step with the broker's now: the next call begins with a producer of its own.
      if (this.#producer === producer) this.#producer = undefined;
      void producer.close(true).catch(() => undefined);
      throw unavailable(error);
    }
  }

  #newProducer(): Producer {
    const producer = new Producer({ ...clientOptions(this.#settings, RETRIES), idempotent: true });
    producer.on('error', (error) => this.#settings.onError(error, 'kafka producer'));
    return producer;
  }

  async #create(specs: readonly TopicSpec[]): Promise<void> {
    const topics = specs.map(({ topic, partitions }) => ({ topic, partitions, replicas: this.#settings.replication }));
    try {
      await this.#asking(() => this.#admin.createTopics({ topics, configs: entriesOf(specs[0]!) }));
    } catch (error) {
      if (!hasKafkaError(error, ALREADY_THERE)) throw error;
    }
  }

  /** A broker hears from the controller of what was made: until then it does not know the topics. */
  async #appearance(specs: readonly TopicSpec[]): Promise<void> {
    const late = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    for (let attempt = 1; ; attempt++) {
      await this.#loadTopics();
      if (late.aborted || specs.every(({ topic }) => this.#topics.has(topic))) return;
      await delay(backoffMs(attempt, 10, 200), late);
    }
  }

  async #asking<T>(question: () => Promise<T>): Promise<T> {
    this.#assertOpen();
    try {
      return await question();
    } catch (error) {
      throw unavailable(error);
    }
  }

  /** Settings by topic. */
  async #configurations(names: readonly string[]): Promise<Map<string, Configuration>> {
    if (names.length === 0) return new Map();
    const resources = names.map((name) => ({ resourceType: ConfigResourceTypes.TOPIC, resourceName: name }));
    const described = await this.#asking(() => this.#admin.describeConfigs({ resources, includeSynonyms: false, includeDocumentation: false }));
    return new Map(described.map(({ resourceName, configs }) => [resourceName, new Map(configs.map(({ name, value }) => [name, value ?? '']))]));
  }

  /** 0 where the topic does not exist. */
  async #partitionsOf(topic: string): Promise<number> {
    if (!this.#topics.has(topic)) await this.#loadTopics();
    return this.#topics.get(topic) ?? 0;
  }

  async #loadTopics(): Promise<void> {
    this.#topics = await this.#asking(async () => {
      const topics = await this.#admin.listTopics();
      if (topics.length === 0) return new Map();
      const metadata = await this.#admin.metadata({ topics, forceUpdate: true });
      return new Map([...metadata.topics].map(([name, { partitionsCount }]) => [name, partitionsCount]));
    });
  }
}

const entriesOf = (spec: TopicSpec): { name: string; value: string }[] => Object.entries(topicSettings(spec)).map(([name, value]) => ({ name, value }));

const bytesOf = (data: Uint8Array | string | undefined): Uint8Array | undefined => (typeof data === 'string' ? Buffer.from(data) : data);
