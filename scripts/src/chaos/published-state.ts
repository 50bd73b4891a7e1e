import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Cluster } from '@skein/cluster';
import { eventLogFromUrl, HEADER, loadTopics, type EventLog, type ReceivedMessage } from '@skein/messaging';
import type { Facts } from './final-state.js';
import { ATTEMPTS, queried } from './stored-state.js';

const READ_MS_MAX = 20_000;
const LOOK_MS = 50;
/** Looks in a row that have found nothing new. */
const CALM = 3;
/** Of these only some are published: a score that did not count is nobody else's business. */
const PARTLY = ['skein.arena.submission.scored.v1'];

/** An event as its service has stored it. */
export interface StoredEvent {
  readonly id: string;
  readonly stream: string;
  readonly version: number;
  readonly type: string;
}

/** What lies in the event log, in the order of each partition, and all services' events by their ids. */
export interface Published {
  readonly messages: readonly ReceivedMessage[];
  readonly events: ReadonlyMap<string, StoredEvent>;
}

async function eventsOf(cluster: Cluster): Promise<ReadonlyMap<string, StoredEvent>> {
  const found = await Promise.all(Object.values(cluster.databases).map(({ ownerUrl }) => queried(ownerUrl, async (client) =>
    (await client.query<StoredEvent>('SELECT event_id::text AS id, stream_id AS stream, version, type FROM es_history')).rows)));
  return new Map(found.flat().map((event) => [event.id, event]));
}

/** The first time that each id came, by topic: what comes again has no effect. */
export function firstTimes(messages: readonly ReceivedMessage[]): ReceivedMessage[] {
  const seen = new Set<string>();
  return messages.filter(({ topic, id }) => !seen.has(`${topic} ${id}`) && seen.add(`${topic} ${id}`));
}

/** Events that a topic should have had: of their types it has some, or had them in this run. */
function missing({ messages, events }: Published): string[] {
  const told = Map.groupBy(messages, ({ topic }) => topic);
  return [...told].flatMap(([topic, some]) => {
    const ids = new Set(some.map(({ id }) => id));
    const types = new Set([...ids].flatMap((id) => events.get(id)?.type ?? []));
    return [...events.values()].filter(({ id, type }) => types.has(type) && !PARTLY.includes(type) && !ids.has(id)).map(({ stream, version, type }) => `gaps in what is published: ${topic} lacks ${type}, version ${version} of ${stream}`);
  });
}

/** By topic, key and stream the versions go up: a message that overtook another one, or came too late, is out of order. */
function disorder(messages: readonly ReceivedMessage[]): string[] {
  const streams = Map.groupBy(firstTimes(messages), ({ topic, key, headers }) => `${topic}, ${key}, ${headers[HEADER.subject]}`);
  return [...streams].flatMap(([name, some]) => {
    const versions = some.map(({ headers }) => Number(headers[HEADER.streamVersion]));
    return versions.every((version, index) => index === 0 || version > (versions[index - 1] as number)) ? [] : [`published out of order: ${name}: ${versions.join(', ')}`];
  });
}

/** Of each key all messages are in one partition. */
function scattered(messages: readonly ReceivedMessage[]): string[] {
  const keys = Map.groupBy(messages, ({ topic, key }) => `${topic}, ${key}`);
  return [...keys].flatMap(([name, some]) => (new Set(some.map(({ partition }) => partition)).size === 1 ? [] : [`published in several partitions: ${name}`]));
}

/** A message says of its event what the store says of it. */
function untrue({ messages, events }: Published): string[] {
  return firstTimes(messages).flatMap(({ topic, id, type, headers }) => {
    const event = events.get(id);
    if (event === undefined) return [`published and not stored: ${topic} ${type} ${id}`];
    const same = headers[HEADER.subject] === event.stream && headers[HEADER.streamVersion] === String(event.version);
    return same ? [] : [`published with another place: ${topic} ${type} ${headers[HEADER.subject]}@${headers[HEADER.streamVersion]} is ${event.stream}@${event.version}`];
  });
}

/** What was published wrongly, or not at all. */
export const publishedBroken = (published: Published): string[] => [...missing(published), ...disorder(published.messages), ...scattered(published.messages), ...untrue(published)];

/** How many distinct messages of each type each topic has, without those that count attempts. */
export function publishedFacts({ messages, events }: Published): Facts {
  const lasting = firstTimes(messages).filter(({ id }) => !ATTEMPTS.includes(events.get(id)?.type ?? ''));
  const kinds = Map.groupBy(lasting, ({ topic, type }) => `${topic} ${type}`);
  return { published: [...kinds].map(([kind, some]) => `${kind} ${some.length}`).sort() };
}

async function caughtUp(log: EventLog, group: string, published: Published): Promise<void> {
  const untilMs = performance.now() + READ_MS_MAX;
  for (let [calm, before] = [0, -1]; calm < CALM && performance.now() < untilMs; await wait(LOOK_MS)) {
    const lags = await log.lag(group);
    const done = lags.length > 0 && lags.every(({ lag }) => lag === 0n) && missing(published).length === 0 && published.messages.length === before;
    before = published.messages.length;
    calm = done ? calm + 1 : 0;
  }
}

/** Reads the log from its beginning as a group that nobody has seen before; what is still missing after some seconds was never sent. */
export async function readPublished(cluster: Cluster): Promise<Published> {
  const log = eventLogFromUrl({ url: cluster.eventLog.url, clientId: 'skein-chaos', onError: () => undefined });
  const group = `chaos.reader.${randomUUID()}`;
  const messages: ReceivedMessage[] = [];
  const published = { messages, events: await eventsOf(cluster) };
  try {
    const topics = (await loadTopics()).map(({ topic }) => topic);
    await log.consume({
      group, topics,
      onBatch: async (batch) => {
        messages.push(...batch.messages);
        for (const message of batch.messages) batch.resolve(message);
      },
    });
    await caughtUp(log, group, published);
    return published;
  } finally {
    await log.close();
  }
}
