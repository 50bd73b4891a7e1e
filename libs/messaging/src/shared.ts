import { EmbeddedEventLog, type EmbeddedEventLogOptions } from './embedded/embedded-event-log.js';
import type { EventLog, LogConsumer } from './event-log.js';

interface Shared {
  readonly log: EmbeddedEventLog;
  users: number;
}

const byUrl = new Map<string, Shared>();

/**
 * The embedded log of a database, one instance per process however many services ask for it (the first one's settings
 * count). `close()` stops the consumers made through this handle; the last handle closes the instance.
 */
export function sharedEventLog(options: EmbeddedEventLogOptions): EventLog {
  const shared = byUrl.get(options.url) ?? { log: new EmbeddedEventLog(options), users: 0 };
  byUrl.set(options.url, shared);
  shared.users += 1;
  const consumers = new Set<LogConsumer>();
  let closing: Promise<void> | undefined;

  async function release(): Promise<void> {
    await Promise.all([...consumers].map((consumer) => consumer.stop()));
    shared.users -= 1;
    if (shared.users > 0) return;
    byUrl.delete(options.url);
    await shared.log.close();
  }

  return {
    send: (messages) => shared.log.send(messages),
    async consume(consume) {
      const consumer = await shared.log.consume(consume);
      consumers.add(consumer);
      return consumer;
    },
    lag: (group) => shared.log.lag(group),
    members: (group) => shared.log.members(group),
    topics: () => shared.log.topics(),
    read: (place) => shared.log.read(place),
    createTopics: (specs) => shared.log.createTopics(specs),
    close: () => (closing ??= release()),
  };
}
