import { Subscription, type EventStore, type RecordedEvent, type ReportError, type Sink } from '@skein/events';
import { failpoint } from '@skein/telemetry';
import type { EventLog, PublicMessage } from './event-log.js';
import type { Publication } from './publication.js';
import { inSend } from './tracing.js';

/**
 * The sink that relays a publication: reads by position, sends a batch, and only then advances. A crash in between repeats
 * the batch; consumers remove the duplicates. A message that cannot be sent holds the publication back, it is never skipped.
 */
export function publicationSink(log: EventLog, publication: Publication, pool?: EventStore['pool']): Sink {
  return {
    kind: 'publication',
    name: `publication-${publication.name}`,
    ...(publication.types === undefined ? {} : { types: publication.types }),
    async deliver(events, advance) {
      const messages = events.map((event) => mapped(publication, event)).filter((message) => message !== undefined);
      if (messages.length > 0) failpoint('relay.read');
      await inSend(pool, publication, messages, () => log.send(messages));
      if (messages.length > 0) failpoint('relay.sent');
      const last = events.at(-1);
      if (last !== undefined) await advance(last.position);
      if (messages.length > 0) failpoint('relay.advanced');
    },
  };
}

function mapped(publication: Publication, event: RecordedEvent): PublicMessage | undefined {
  const message = publication.map(event);
  if (message !== undefined && message.topic !== publication.topic)
    throw new Error(`publication ${publication.name} maps to ${message.topic} instead of ${publication.topic}`);
  return message;
}

/** What `Relay` needs. */
export interface RelayOptions {
  readonly store: EventStore;
  readonly log: EventLog;
  readonly publications: readonly Publication[];
  readonly batchSize?: number;
  readonly leaseMs?: number;
  readonly pollMs?: number;
  readonly onError?: ReportError;
}

/** All publications of a service, each with its own checkpoint, leader lease and `relay_lag_events`. Fits platform's `Worker`. */
export class Relay {
  readonly name = 'relay';
  readonly #subscriptions: ReadonlyMap<string, Subscription>;

  constructor(options: RelayOptions) {
    const { store, log, publications, batchSize, leaseMs, pollMs, onError } = options;
    const settings = { ...(batchSize && { batchSize }), ...(leaseMs && { leaseMs }), ...(pollMs && { pollMs }), ...(onError && { onError }) };
    this.#subscriptions = new Map(publications.map((publication) => [publication.name, new Subscription({ store, sink: publicationSink(log, publication, store.pool), ...settings })]));
  }

  async start(): Promise<void> {
    await Promise.all([...this.#subscriptions.values()].map((subscription) => subscription.start()));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#subscriptions.values()].map((subscription) => subscription.stop()));
  }

  /** Events behind, by publication. */
  async lag(): Promise<Map<string, bigint>> {
    return new Map(await Promise.all([...this.#subscriptions].map(async ([name, subscription]) => [name, await subscription.lag()] as const)));
  }
}
