import { Subscription, type EventStore, type RecordedEvent, type ReportError, type Sink } from '@skein/events';
import { failpoint } from '@skein/telemetry';
import type { EventLog, PublicMessage } from './event-log.js';
import type { Publication } from './publication.js';
import { inSend } from './tracing.js';

/**
 * False where another process has had the event by now: this one has stood still for longer than its lease since it read, and what
 * it sent would come as the last word after newer ones. The send itself cannot be fenced; what is due here may be sent twice.
 */
async function isDue(pool: EventStore['pool'], subscription: string, position: bigint): Promise<boolean> {
  const { rows } = await pool.query<{ due: boolean }>({
    name: 'relay-due', text: 'SELECT NOT EXISTS (SELECT FROM es_subscription WHERE name = $1 AND position >= $2) AS due', values: [subscription, position.toString()],
  });
  return rows[0]?.due === true;
}

/**
 * The sink that relays a publication: reads by position, sends a batch, and only then advances. A crash in between repeats
 * the batch; consumers remove the duplicates. A message that cannot be sent holds the publication back, it is never skipped.
 * With the pool it looks before it sends whether the batch is still to be sent, and makes spans.
 */
export function publicationSink(log: EventLog, publication: Publication, pool?: EventStore['pool']): Sink {
  const name = `publication-${publication.name}`;
  return {
    kind: 'publication',
    name,
    ...(publication.types === undefined ? {} : { types: publication.types }),
    async deliver(events, advance) {
      const messages = events.map((event) => mapped(publication, event)).filter((message) => message !== undefined);
      const [first, last] = [events[0], events.at(-1)];
      if (messages.length > 0 && first !== undefined) {
        failpoint('relay.read');
        // Where it is too late, advancing from where this one has read says so.
        if (pool === undefined || (await isDue(pool, name, first.position))) await inSend(pool, publication, messages, () => log.send(messages));
        failpoint('relay.sent');
      }
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
